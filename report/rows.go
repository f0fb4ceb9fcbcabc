package report

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/flows"
)

// column is a field of the formats that have a row an incident.
type column struct {
	name, zeek string // zeek is the name in Zeek's log, where it is another one
	typ        string // of Zeek
	cell       func(e *encoder, i *analyzer.Incident) string
}

func address(d flows.Dir) func(*encoder, *analyzer.Incident) string {
	return func(_ *encoder, i *analyzer.Incident) string { return i.Reset.Flow.Ends[d].AddrPort().Addr().String() }
}

func port(d flows.Dir) func(*encoder, *analyzer.Incident) string {
	return func(_ *encoder, i *analyzer.Incident) string { return strconv.Itoa(int(i.Reset.Flow.Ends[d].Port)) }
}

// rowColumns are those of csv and zeek, in order. Only the name of a file is not made of
// words of our own, addresses and numbers.
var rowColumns = []column{
	{"time", "ts", "time", func(_ *encoder, i *analyzer.Incident) string { return rfc3339(i.Reset.RST.Time) }},
	{"id", "uid", "string", func(_ *encoder, i *analyzer.Incident) string { return i.ID() }},
	{"client_ip", "id.orig_h", "addr", address(flows.Client)},
	{"client_port", "id.orig_p", "port", port(flows.Client)},
	{"server_ip", "id.resp_h", "addr", address(flows.Server)},
	{"server_port", "id.resp_p", "port", port(flows.Server)},
	{"sender", "", "string", func(_ *encoder, i *analyzer.Incident) string { return i.Reset.Dir.String() }},
	{"cause", "", "string", func(_ *encoder, i *analyzer.Incident) string { return i.Verdict.Rule.ID }},
	{"family", "", "string", func(_ *encoder, i *analyzer.Incident) string { return string(i.Verdict.Rule.Family) }},
	{"confidence", "", "string", func(_ *encoder, i *analyzer.Incident) string { return i.Verdict.Confidence.String() }},
	{"also_fits", "", "string", func(_ *encoder, i *analyzer.Incident) string {
		var ids []string
		for _, a := range i.Verdict.AlsoFits {
			ids = append(ids, a.Rule.ID)
		}
		return strings.Join(ids, " ")
	}},
	{"origin", "", "string", func(_ *encoder, i *analyzer.Incident) string { return i.Verdict.Origin.Who.String() }},
	{"effect", "", "string", func(_ *encoder, i *analyzer.Incident) string { return i.Verdict.Effect.String() }},
	{"harm", "", "string", func(_ *encoder, i *analyzer.Incident) string { return i.Verdict.Harm.Kind.String() }},
	{"lost_bytes", "", "count", func(_ *encoder, i *analyzer.Incident) string { return strconv.FormatUint(i.Verdict.Harm.Lost, 10) }},
	{"harmless", "", "bool", func(_ *encoder, i *analyzer.Incident) string { return strconv.FormatBool(benign(&i.Verdict)) }},
	{"resets", "", "count", func(_ *encoder, i *analyzer.Incident) string { return strconv.Itoa(1 + len(i.Reset.FollowUps)) }},
	{"community_id", "", "string", func(_ *encoder, i *analyzer.Incident) string { return communityID(&i.Reset.Flow.Ends) }},
	{"conn_state", "", "string", func(_ *encoder, i *analyzer.Incident) string { return connState(i.Reset) }},
	{"history", "", "string", func(_ *encoder, i *analyzer.Incident) string { return history(i) }},
	{"frame", "", "count", func(_ *encoder, i *analyzer.Incident) string { return strconv.FormatUint(i.Reset.RST.Frame, 10) }},
	{"file", "", "string", func(e *encoder, i *analyzer.Incident) string { return clean(e.file(i.Reset.RST.Ref())) }},
	{"story", "", "string", func(_ *encoder, i *analyzer.Incident) string { return story(i) }},
}

// csvRows is the format csv: a header, and a row an incident, as it settles (RFC 4180).
type csvRows struct {
	encoder
	w    *csv.Writer
	row  []string
	head bool
}

func newCSV(w io.Writer, o Options) analyzer.Sink {
	return &csvRows{encoder: encoder{o: o}, w: csv.NewWriter(w), row: make([]string, len(rowColumns))}
}

func (c *csvRows) header() error {
	if c.head {
		return nil
	}
	c.head = true
	for k := range rowColumns {
		c.row[k] = rowColumns[k].name
	}
	return c.w.Write(c.row)
}

func (c *csvRows) Incident(i *analyzer.Incident) error {
	if err := c.header(); err != nil {
		return err
	}
	for k := range rowColumns {
		c.row[k] = noFormula(rowColumns[k].cell(&c.encoder, i))
	}
	if err := c.w.Write(c.row); err != nil {
		return err
	}
	if c.o.live() {
		c.w.Flush()
	}
	return c.w.Error()
}

// noFormula keeps a spreadsheet from taking a cell for a formula (OWASP, CSV injection).
func noFormula(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func (c *csvRows) Note(*flows.Note) error { return nil }

func (c *csvRows) Close(*analyzer.Summary) error {
	if err := c.header(); err != nil {
		return err
	}
	c.w.Flush()
	return c.w.Error()
}

// zeekLog is the format zeek: a log as Zeek writes it in ASCII, which zeek-cut reads.
type zeekLog struct {
	encoder
	w    *bufio.Writer
	head bool
}

func newZeek(w io.Writer, o Options) analyzer.Sink {
	return &zeekLog{encoder: encoder{o: o}, w: bufio.NewWriter(w)}
}

func (z *zeekLog) header() {
	if z.head {
		return
	}
	z.head = true
	z.w.WriteString("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\trstwhy\n#fields")
	for _, c := range rowColumns {
		name := c.zeek
		if name == "" {
			name = c.name
		}
		z.w.WriteString("\t" + name)
	}
	z.w.WriteString("\n#types")
	for _, c := range rowColumns {
		z.w.WriteString("\t" + c.typ)
	}
	z.w.WriteString("\n")
}

func (z *zeekLog) Incident(i *analyzer.Incident) error {
	z.header()
	for k := range rowColumns {
		c := &rowColumns[k]
		if k > 0 {
			z.w.WriteByte('\t')
		}
		switch c.typ {
		case "time":
			t := i.Reset.RST.Time
			fmt.Fprintf(z.w, "%s%d.%06d", sign(t), magnitude(t)/1e9, magnitude(t)%1e9/1e3)
		case "bool":
			z.w.WriteString(strings.ToUpper(c.cell(&z.encoder, i)[:1]))
		default:
			z.w.WriteString(zeekCell(c.cell(&z.encoder, i)))
		}
	}
	if err := z.w.WriteByte('\n'); err != nil {
		return err
	}
	if z.o.live() {
		return z.w.Flush()
	}
	return nil
}

func sign(t int64) string {
	if t < 0 {
		return "-"
	}
	return ""
}

func magnitude(t int64) uint64 {
	if t < 0 {
		return -uint64(t)
	}
	return uint64(t)
}

// zeekCell escapes what would end a field, or mean that there is none.
func zeekCell(s string) string {
	switch s {
	case "":
		return "-"
	case "-":
		return `\x2d`
	}
	if !strings.ContainsAny(s, "\t\n\r\\") {
		return s
	}
	return zeekEscapes.Replace(s)
}

var zeekEscapes = strings.NewReplacer("\t", `\x09`, "\n", `\x0a`, "\r", `\x0d`, `\`, `\x5c`)

func (z *zeekLog) Note(*flows.Note) error { return nil }

func (z *zeekLog) Close(*analyzer.Summary) error {
	z.header()
	return z.w.Flush()
}
