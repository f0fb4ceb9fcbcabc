package report

import (
	"reflect"
	"strings"
	"testing"
)

// ids replaces evidence by what tells it apart, whatever its numbers.
func ids(of any) (out []any) {
	list, _ := of.([]any)
	for _, e := range list {
		e := e.(map[string]any)
		for _, key := range []string{"id", "cause", "mechanism"} {
			if e[key] != nil {
				out = append(out, e[key])
			}
		}
	}
	return out
}

// What an incident in short leaves out is what the one that it is like says, in other
// numbers.
func TestLikeIsAlike(t *testing.T) {
	short := 0
	for _, paths := range append(inputs(t), []string{scanned(t)}) {
		brief, _ := render(t, "ndjson", fixed(), paths, paths)
		verbose := fixed()
		verbose.Verbose = true
		full, _ := render(t, "ndjson", verbose, paths, paths)
		whole := map[any]map[string]any{}
		for _, j := range decodeLines(t, full) {
			if j["type"] == "incident" {
				whole[j["number"]] = j
			}
		}
		for _, j := range decodeLines(t, brief) {
			if j["like"] == nil {
				continue
			}
			short++
			own, like := whole[j["number"]], whole[j["like"]]
			if own["id"] != j["id"] || like == nil {
				t.Fatalf("%s: incident %v is like %v", paths[0], j["number"], j["like"])
			}
			for _, key := range []string{"file", "frame", "frames", "time", "cause", "confidence", "harmless", "sender", "receiver"} {
				if !reflect.DeepEqual(j[key], own[key]) {
					t.Errorf("%s: incident %v: %s is %v in short, and %v", paths[0], j["number"], key, j[key], own[key])
				}
			}
			for _, key := range []string{
				"mechanism", "family", "cause", "confidence", "harmless", "effect", "history", "conn_state",
				"client_stage", "capture_lacks", "unchecked_causes", "rst_payload", "kernel",
			} {
				if !reflect.DeepEqual(like[key], own[key]) {
					t.Errorf("%s: %v is said to be like %v: %s is %v, and %v", paths[0], j["number"], j["like"], key, own[key], like[key])
				}
			}
			in := func(j map[string]any, object, key string) any { return j[object].(map[string]any)[key] }
			for _, of := range []func(map[string]any) any{
				func(j map[string]any) any { return ids(j["evidence"]) },
				func(j map[string]any) any { return ids(j["also_fits"]) },
				func(j map[string]any) any { return ids(in(j, "mechanisms", "excluded")) },
				func(j map[string]any) any { return in(j, "mechanisms", "possible") },
				func(j map[string]any) any { return in(j, "harm", "kind") },
				func(j map[string]any) any { return in(j, "origin", "who") },
				func(j map[string]any) any { return in(j, "origin", "device") },
				func(j map[string]any) any { return ids(in(j, "origin", "signs")) },
			} {
				if a, b := of(own), of(like); !reflect.DeepEqual(a, b) {
					t.Errorf("%s: %v is said to be like %v: %v, and %v", paths[0], j["number"], j["like"], a, b)
				}
			}
		}
	}
	if short == 0 {
		t.Error("no incident was written in short")
	}
}

// scanned is a capture of a scan.
func scanned(t *testing.T) string {
	return played(t, `-- packets --
A = 203.0.113.66:61000
repeat 250 +.0001
B = 198.51.100.{1+i}:1022
+0      A > B S  0:0(0) win 1024 <mss 1460>
+.00018 B > A R. 0:0(0) ack 1 win 0
+.0001  A > B:1023 S  0:0(0) win 1024 <mss 1460>
+.00018 B:1023 > A R. 0:0(0) ack 1 win 0
end
`)
}

// A scan of millions is bearable: an incident of it takes 400 octets at most, on average.
func TestScanIsShort(t *testing.T) {
	got, _ := render(t, "ndjson", Options{}, []string{scanned(t)}, []string{"capture-of-monday.pcap"})
	var octets, incidents int
	for l := range strings.Lines(got) {
		if strings.HasPrefix(l, `{"type":"incident"`) {
			octets += len(l)
			incidents++
		}
	}
	if incidents != 500 || octets > 400*incidents {
		t.Errorf("%d incidents take %d octets", incidents, octets)
	}
}
