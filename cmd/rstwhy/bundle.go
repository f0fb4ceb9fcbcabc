package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rstwhy/rstwhy/docs/schema"
	"github.com/rstwhy/rstwhy/report"
)

// bundle is everything for one ticket: a directory, or a zip file, that appears whole or
// not at all.
type bundle struct {
	target string
	temp   string // the directory until it is whole
}

// The files of a bundle that the run writes itself.
const (
	bundleTicket  = "report.md"
	bundlePage    = "report.html"
	bundleJSON    = "report.json"
	bundlePackets = "packets.pcapng"
)

// bundled says what is in each file.
var bundled = []struct{ name, what string }{
	{bundleTicket, "the report for a ticket, in Markdown"},
	{bundlePage, "the same as a page for a browser, which needs nothing else"},
	{bundleJSON, "all that was found, for programs"},
	{"schema.json", "what the fields of report.json mean (JSON Schema)"},
	{bundlePackets, "the packets of the connections that were reset, with comments for Wireshark"},
	{"SHA256SUMS", "sums of these files: sha256sum -c SHA256SUMS"},
}

func isZip(path string) bool { return strings.HasSuffix(strings.ToLower(path), ".zip") }

// newBundle makes the directory in which the bundle grows.
func newBundle(target string) (*bundle, error) {
	target = filepath.Clean(target)
	if _, err := os.Lstat(target); err == nil {
		return nil, &usageError{fmt.Errorf("--bundle %s: exists already, and nothing is overwritten", target)}
	}
	temp, err := os.MkdirTemp(filepath.Dir(target), ".rstwhy-")
	if err != nil {
		return nil, outputError(target, err)
	}
	return &bundle{target, temp}, nil
}

// outputs are the paths of what the run writes; packets says whether these are among it.
func (b *bundle) outputs(packets bool) []string {
	names := []string{bundleTicket, bundlePage, bundleJSON}
	if packets {
		names = append(names, bundlePackets)
	}
	for k := range names {
		names[k] = filepath.Join(b.temp, names[k])
	}
	return names
}

// discard removes what is not yet a bundle.
func (b *bundle) discard() { os.RemoveAll(b.temp) }

// finish adds the rest and gives the bundle its name.
func (b *bundle) finish(headline string, o *options, at time.Time) error {
	err := b.complete(headline, o, at)
	if err == nil && isZip(b.target) {
		err = b.zip(at)
	} else if err == nil {
		// The directory of MkdirTemp is for its owner alone.
		if err = os.Chmod(b.temp, 0o755); err == nil {
			err = os.Rename(b.temp, b.target)
		}
	}
	if err != nil {
		b.discard()
		return outputError(b.target, err)
	}
	return nil
}

func (b *bundle) complete(headline string, o *options, at time.Time) error {
	if err := b.write("schema.json", schema.JSON); err != nil {
		return err
	}
	entries, err := os.ReadDir(b.temp)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	var readme bytes.Buffer
	fmt.Fprintf(&readme, "%s\n\nMade by rstwhy %s, %s, with\n\n    %s\n\n", headline, version(), at.UTC().Format("2006-01-02 15:04:05 UTC"), report.ShellLine(o.commandLine()))
	for _, f := range bundled {
		switch {
		case slices.Contains(names, f.name) || f.name == "SHA256SUMS":
			fmt.Fprintf(&readme, "%-16s%s\n", f.name, f.what)
		case f.name == bundlePackets:
			fmt.Fprintf(&readme, "\nThe packets are not here: they are read a second time, which a pipe cannot do.\n")
		}
	}
	fmt.Fprintf(&readme, "\nWhat a verdict means: rstwhy explain CAUSE.\n")
	if o.mask != nil {
		fmt.Fprintf(&readme, "\n%s\n", report.SaysAnonymized)
	} else {
		fmt.Fprintf(&readme, "\nAddresses, and the payload of the packets, are as they were: look at the files before you give them away, or let --anonymize take both out.\n")
	}
	if err := b.write("README.txt", readme.Bytes()); err != nil {
		return err
	}
	names = append(names, "README.txt")
	slices.Sort(names)
	var sums bytes.Buffer
	for _, name := range names {
		sum, err := sumOf(filepath.Join(b.temp, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sum, name)
	}
	return b.write("SHA256SUMS", sums.Bytes())
}

func sumOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

func (b *bundle) write(name string, text []byte) error {
	return os.WriteFile(filepath.Join(b.temp, name), text, 0o666)
}

// zip packs the directory into a file beside it, and renames that.
func (b *bundle) zip(at time.Time) (err error) {
	f, err := os.CreateTemp(filepath.Dir(b.target), ".rstwhy-*.zip")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	z := zip.NewWriter(f)
	folder := strings.TrimSuffix(filepath.Base(b.target), filepath.Ext(b.target))
	entries, err := os.ReadDir(b.temp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		w, err := z.CreateHeader(&zip.FileHeader{Name: folder + "/" + e.Name(), Method: zip.Deflate, Modified: at})
		if err != nil {
			return err
		}
		in, err := os.Open(filepath.Join(b.temp, e.Name()))
		if err != nil {
			return err
		}
		_, err = io.Copy(w, in)
		in.Close()
		if err != nil {
			return err
		}
	}
	err = errors.Join(z.Close(), f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), b.target)
	}
	if err == nil {
		b.discard()
	}
	return err
}
