package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/docs/schema"
)

const schemaFile = "../docs/schema/rstwhy-3.schema.json"

// documentJSON is what the format json writes.
type documentJSON struct {
	Schema     string            `json:"schema"`
	Incidents  []json.RawMessage `json:"incidents"`
	Unanswered []noteJSON        `json:"unanswered"`
	Causes     []rankedJSON      `json:"causes"`
	Summary    summaryJSON       `json:"summary"`
}

// likeJSON is a harmless incident that says what an earlier one says.
type likeJSON struct {
	Type       string   `json:"type"` // "incident"
	Number     uint64   `json:"number"`
	ID         string   `json:"id"`
	Like       uint64   `json:"like"` // number of the incident that says the rest
	Frame      uint64   `json:"frame"`
	File       string   `json:"file,omitempty"`
	Frames     []uint64 `json:"frames"`
	Time       string   `json:"time"`
	Cause      string   `json:"cause"`
	Confidence string   `json:"confidence"`
	Harmless   bool     `json:"harmless"`
	AlsoFits   []struct {
		Cause string `json:"cause"`
	} `json:"also_fits,omitempty"`
	Sender   endJSON `json:"sender"`
	Receiver endJSON `json:"receiver"`
}

// made makes the schema of the types. A strict one knows of no fields beyond theirs; the
// other holds for what will be added as well.
func made(t *testing.T, strict bool) []byte {
	t.Helper()
	r := &jsonschema.Reflector{
		Anonymous: true, AllowAdditionalProperties: !strict,
		Namer: func(t reflect.Type) string {
			return strings.TrimSuffix(t.Name(), "JSON")
		},
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			switch t {
			case reflect.TypeFor[seconds]():
				return &jsonschema.Schema{Type: "number", Description: "seconds, exact to the nanosecond"}
			case reflect.TypeFor[valuesJSON]():
				return &jsonschema.Schema{Type: "object", AdditionalProperties: &jsonschema.Schema{Type: "number"}}
			case reflect.TypeFor[timingJSON]():
				s := &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties(), Required: []string{"client_syns"}}
				for m := classify.NoMeasure + 1; m < classify.NumMeasures; m++ {
					s.Properties.Set(m.Name()+"_seconds", &jsonschema.Schema{Type: "number", Description: m.Title()})
				}
				s.Properties.Set("client_syns", &jsonschema.Schema{Type: "integer", Description: "how often the client had sent its SYN"})
				return s
			}
			return nil
		},
	}
	all := jsonschema.Definitions{}
	kinds := []any{documentJSON{}, incidentJSON{}, likeJSON{}, noteJSON{}, rankedJSON{}, foldedJSON{}, statusJSON{}, summaryJSON{}}
	types := map[string]string{"incident": "incident", "like": "incident", "note": "unanswered", "ranked": "cause", "folded": "folded", "status": "status", "summary": "summary"}
	var any []*jsonschema.Schema
	for _, kind := range kinds {
		s := r.Reflect(kind)
		for name, d := range s.Definitions {
			all[name] = d
		}
		name := strings.TrimSuffix(reflect.TypeOf(kind).Name(), "JSON")
		if typ := types[name]; typ != "" {
			all[name].Properties.Set("type", &jsonschema.Schema{Const: typ})
		}
		any = append(any, &jsonschema.Schema{Ref: "#/$defs/" + name})
	}
	one := &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Ref: "#/$defs/incident"}, {Ref: "#/$defs/like"}}}
	all["document"].Properties.Set("incidents", &jsonschema.Schema{Type: "array", Items: one})
	for _, name := range []string{"document", "incident", "note", "ranked", "folded", "status", "summary"} {
		all[name].Properties.Set("schema", &jsonschema.Schema{Const: Schema})
	}
	whole := &jsonschema.Schema{
		Version: jsonschema.Version, ID: "https://github.com/rstwhy/rstwhy/docs/schema/rstwhy-3.schema.json",
		Title:       "What rstwhy writes: the document of --format json, or a line of --format ndjson",
		Description: "Fields may be added within rstwhy/3; none is removed, and none changes its meaning. Times are UTC, with nine digits of the second. A number whose name says no unit is a count, or the number of a frame or port; frames count from 1 in their file.",
		OneOf:       any, Definitions: all,
	}
	b, err := json.MarshalIndent(whole, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// The schema is that of the types.
func TestSchemaIsUpToDate(t *testing.T) {
	got := made(t, false)
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(schemaFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(got, schema.JSON) {
		t.Errorf("%s is not what the types give: go test ./report -run Schema -update", schemaFile)
	}
}

func compiled(t *testing.T, text []byte) *validator.Schema {
	t.Helper()
	doc, err := validator.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource("rstwhy.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("rstwhy.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is written is what the schema says, of every capture and in every form.
func TestSchemaHolds(t *testing.T) {
	s, strict := compiled(t, schema.JSON), compiled(t, made(t, true))
	valid := func(path, text string) {
		t.Helper()
		v, err := validator.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, s := range []*validator.Schema{s, strict} {
			if err := s.Validate(v); err != nil {
				t.Errorf("%s: %v\n%.400s", path, err, text)
			}
		}
	}
	for _, paths := range inputs(t) {
		for _, o := range []Options{{}, {Verbose: true}, {Summary: true}} {
			doc, _ := render(t, "json", o, paths, paths)
			valid(paths[0], doc)
			lines, _ := render(t, "ndjson", o, paths, paths)
			for l := range strings.Lines(lines) {
				valid(paths[0], l)
			}
		}
	}
}

// A schema that holds for everything says nothing.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t, schema.JSON)
	for _, text := range []string{
		`{}`, `[]`, `{"type":"incident"}`,
		`{"type":"summary","schema":"rstwhy/2"}`,
		`{"schema":"rstwhy/3","incidents":[{}],"unanswered":[],"causes":[],"summary":{}}`,
	} {
		v, err := validator.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(v) == nil {
			t.Errorf("%s is valid", text)
		}
	}
}
