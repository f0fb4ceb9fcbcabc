package capture

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/packet"
)

// corpus returns the directory of public captures, which is not part of the
// repository.
func corpus(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{os.Getenv("RSTWHY_CORPUS"), "../../shared/pcaps"} {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "rst-counts.tsv")); err == nil {
			return dir
		}
	}
	t.Skip("SKIPPED: no corpus of public captures: set RSTWHY_CORPUS to a directory with captures and rst-counts.tsv")
	return ""
}

// TestCorpusResets compares the number of resets of each public capture with
// what tshark counts.
func TestCorpusResets(t *testing.T) {
	dir := corpus(t)
	table, err := os.Open(filepath.Join(dir, "rst-counts.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	lines := bufio.NewScanner(table)
	lines.Scan() // the names of the columns
	for lines.Scan() {
		columns := strings.Split(lines.Text(), "\t")
		want, err := strconv.Atoi(columns[1])
		if err != nil {
			t.Fatal(err)
		}
		for _, libpcap := range []bool{false, true} {
			f, err := Open([]string{filepath.Join(dir, columns[0])}, Config{Libpcap: libpcap})
			if err != nil {
				t.Errorf("%v", err)
				continue
			}
			got := 0
			var b packet.Batch
			for err == nil {
				err = f.Read(&b)
				for i := range b.Headers {
					if b.Headers[i].Flags.Has(packet.RST) {
						got++
					}
				}
			}
			if err != io.EOF {
				t.Logf("%v", err)
			}
			if libpcap && stopsAtSecondLinkType(err) && got <= want {
				continue // as far as it came
			}
			if got != want {
				t.Errorf("%s (libpcap %v): %d resets, tshark counts %d", columns[0], libpcap, got, want)
			}
			f.Close()
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}
