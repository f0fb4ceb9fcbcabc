package flows_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/internal/synth"
	"github.com/rstwhy/rstwhy/packet"
)

// captures calls each with every scenario and every capture of testdata/pcaps.
func captures(t testing.TB, each func(name string, file io.Reader)) {
	t.Helper()
	scenarios, err := filepath.Glob("../testdata/scenarios/*/*.txtar")
	if err != nil || len(scenarios) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, path := range scenarios {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		script, err := synth.Parse(path, text)
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := script.Write(&file, synth.Format{}); err != nil {
			t.Fatal(err)
		}
		each(path, &file)
	}
	pcaps, err := filepath.Glob("../testdata/pcaps/*/*.pcap*")
	if err != nil || len(pcaps) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	for _, path := range pcaps {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		each(path, file)
		file.Close()
	}
}

// resets returns every reset of a capture.
func resets(t testing.TB, file io.Reader) []*flows.Reset {
	t.Helper()
	src, err := capture.Open([]string{"-"}, capture.Config{Stdin: file})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	return settle(t, src, flows.NewTable(flows.Config{}))
}

// settle returns the resets of what src reads.
func settle(t testing.TB, src *capture.Files, table *flows.Table) (all []*flows.Reset) {
	t.Helper()
	var err error
	for b := (packet.Batch{}); err != io.EOF; {
		if err = src.Read(&b); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		for out := range table.Add(&b) {
			all = append(all, out.Resets...)
		}
	}
	for out := range table.Flush() {
		all = append(all, out.Resets...)
	}
	return all
}

// A Reset can leave the process: nothing of it is lost on the way, in either of
// the encodings of the standard library.
func TestResetSurvivesEncoding(t *testing.T) {
	n, followed, paid := 0, 0, 0
	captures(t, func(name string, file io.Reader) {
		for _, r := range resets(t, file) {
			n++
			for i, l := range r.Flow.Letters {
				if (l != 0) != (i < int(r.Flow.HistoryN)) {
					t.Errorf("%s, frame %d: %d letters of %q", name, r.RST.Frame, r.Flow.HistoryN, r.Flow.Letters)
				}
			}
			followed += len(r.FollowUps)
			paid += len(r.Payload)
			var b bytes.Buffer
			var asGob, asJSON flows.Reset
			if err := gob.NewEncoder(&b).Encode(r); err != nil {
				t.Fatal(err)
			}
			if err := gob.NewDecoder(&b).Decode(&asGob); err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &asJSON); err != nil {
				t.Fatal(err)
			}
			for encoding, got := range map[string]*flows.Reset{"gob": &asGob, "JSON": &asJSON} {
				if !reflect.DeepEqual(got, r) {
					t.Errorf("%s, frame %d: %s makes of\n%+v\n%+v", name, r.RST.Frame, encoding, r, got)
				}
				if got.Flow.History() != r.Flow.History() || got.Late(r.Dir) != r.Late(r.Dir) {
					t.Errorf("%s, frame %d: %s changes what methods say", name, r.RST.Frame, encoding)
				}
			}
		}
	})
	if n < 500 || followed == 0 || paid == 0 {
		t.Errorf("%d resets, with %d follow-ups and %d octets of payload: too few to tell", n, followed, paid)
	}
}

// What is in a Reset that was used before is of its own connection alone.
func TestResetKeepsNothingOfTheOneBefore(t *testing.T) {
	used := func(again bool) (all []flows.Reset) {
		var spare []*flows.Reset
		captures(t, func(_ string, file io.Reader) {
			src, err := capture.Open([]string{"-"}, capture.Config{Stdin: file})
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			table := flows.NewTable(flows.Config{})
			if again {
				for _, r := range spare {
					table.Release(r)
				}
			}
			spare = settle(t, src, table)
			for _, r := range spare {
				one := *r
				one.FollowUps = append([]flows.FollowUp(nil), r.FollowUps...)
				all = append(all, one)
			}
		})
		return all
	}
	fresh, second := used(false), used(true)
	for i := range fresh {
		if !reflect.DeepEqual(fresh[i], second[i]) {
			t.Errorf("frame %d: %+v\nis in a Reset that was used before\n%+v", fresh[i].RST.Frame, fresh[i], second[i])
		}
	}
}

// unlike lists what is reachable from a value of type t and is no plain value: a
// field that is not exported, or that refers to memory elsewhere.
func unlike(t reflect.Type, at string) (list []string) {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.IsExported() {
				list = append(list, at+"."+f.Name+" is not exported")
			}
			list = append(list, unlike(f.Type, at+"."+f.Name)...)
		}
	case reflect.Array:
		list = unlike(t.Elem(), at+"[]")
	case reflect.Slice:
		if at != "Reset.Payload" && at != "Reset.FollowUps" {
			list = append(list, at+" is a slice")
		}
		list = append(list, unlike(t.Elem(), at+"[]")...)
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
	default:
		list = append(list, at+" is a "+t.Kind().String())
	}
	return list
}

func TestResetIsPlain(t *testing.T) {
	for _, fault := range unlike(reflect.TypeFor[flows.Reset](), "Reset") {
		t.Error(fault)
	}
	type spoilt struct {
		A [2]struct{ P *int }
		_ int
		F func()
		M map[int]int
		S []int
	}
	if got := unlike(reflect.TypeFor[spoilt](), "spoilt"); len(got) != 5 {
		t.Errorf("of five faults %q are found", got)
	}
}
