package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/anonymize"
	"github.com/rstwhy/rstwhy/packet"
)

// randomKey is the word for a key that nobody keeps: what --anonymize alone means.
const randomKey = "random"

// maskFlag is the flag whose value may be left off.
func maskFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "anonymize", "", useAnonymize)
	cmd.Flags().Lookup("anonymize").NoOptDefVal = randomKey
}

// newMask makes a mask of the key in the file of that name. A file that is not there is
// made, with a new key, for its owner alone to read.
func newMask(path string) (*anonymize.Mask, error) {
	key := make([]byte, anonymize.KeyLen)
	if path == randomKey {
		if _, err := rand.Read(key); err != nil {
			return nil, err
		}
		return anonymize.New(key)
	}
	old, err := os.ReadFile(path)
	switch {
	case err == nil && len(old) == anonymize.KeyLen:
		return anonymize.New(old)
	case err == nil:
		return nil, fmt.Errorf("%s: a key has %d octets, this file has %d; without the file a key is made", path, anonymize.KeyLen, len(old))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(key)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	tell(os.Stderr, path+" is new, and holds the key: with it the same addresses become the same again")
	return anonymize.New(key)
}

// masked is a source of which nothing comes that tells who was there: neither addresses
// nor names of files and interfaces.
type masked struct {
	source
	read anonymize.Source
}

func newMasked(of source, mask *anonymize.Mask) *masked {
	return &masked{of, anonymize.Source{From: of, Mask: mask}}
}

func (m *masked) Read(b *packet.Batch) error { return m.read.Read(b) }

// Names numbers what is read.
func (m *masked) Names() []string { return numbered(len(m.source.Names())) }

// numbered is n names of captures that tell nothing.
func numbered(n int) []string {
	names := make([]string, n)
	for k := range names {
		names[k] = "capture-" + strconv.Itoa(k+1)
	}
	return names
}

// tell takes out of s what the user wrote, or what the files are called.
func (m *masked) tell(s *analyzer.Summary) {
	s.Anonymized = true
	s.Filter = plainFilter(s.Filter)
	real, shown := m.source.Names(), m.Names()
	order := make([]int, len(real))
	for k := range order {
		order[k] = k
	}
	// A name may hold another.
	slices.SortFunc(order, func(a, b int) int { return len(real[b]) - len(real[a]) })
	for k, err := range s.Damage {
		text := err.Error()
		for _, f := range order {
			text = strings.ReplaceAll(text, real[f], shown[f])
		}
		s.Damage[k] = &maskedError{err, text}
	}
}

// maskedError is an error in other words.
type maskedError struct {
	error
	text string
}

func (e *maskedError) Error() string { return e.text }
func (e *maskedError) Unwrap() error { return e.error }

// leftOut stands for what the user wrote and might tell who was there.
const leftOut = "[left out]"

// filterWords are those of filters that name nobody.
var filterWords = strings.Fields(`tcp udp ip ip6 port portrange src dst and or not vlan mpls syn
	tcp-syn tcp-ack tcp-rst tcp-fin tcp-push tcpflags ( ) & | ! = != && ||`)

// plainFilter is a filter that names nobody as it is, and leftOut for another.
func plainFilter(filter string) string {
	spaced := filter
	for _, c := range []string{"(", ")"} {
		spaced = strings.ReplaceAll(spaced, c, " "+c+" ")
	}
	for _, w := range strings.Fields(spaced) {
		if !slices.Contains(filterWords, w) {
			// No host name has so few digits and nothing else.
			if _, err := strconv.ParseUint(w, 10, 16); err != nil {
				return leftOut
			}
		}
	}
	return filter
}

// commandLine is the command for the record.
func (o *options) commandLine() []string {
	if o.mask != nil {
		return []string{"rstwhy", "--anonymize", leftOut}
	}
	return append([]string{"rstwhy"}, os.Args[1:]...)
}

// maskHosts makes the hosts that are selected those that they become.
func (o *options) maskHosts() {
	was := "--host " + strings.Join(o.choose.hosts, ",")
	var is []string
	for k, p := range o.selects.Hosts {
		p = o.mask.Prefix(p)
		o.selects.Hosts[k] = p
		is = append(is, prefixWord(p))
	}
	o.selects.Words = strings.Replace(o.selects.Words, was, "--host "+strings.Join(is, ","), 1)
}

// prefixWord writes a network, one address as such.
func prefixWord(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

var (
	errMaskHosts = errors.New("--hosts writes the names of hosts, which --anonymize takes out: give one of them")
	errMaskEach  = errors.New("--each lists files by their names, which --anonymize takes out: give one of them")
)
