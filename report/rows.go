package report

import (
	"bufio"
	"bytes"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/flows"
)

// column is a field of the formats that have a row an incident.
type column struct {
	name, zeek string // zeek is the name in Zeek's log, where it is another one
	typ        string // of Zeek
	put        func(b []byte, e *encoder, i *analyzer.Incident) []byte
	// free says that the cell may hold what the format has to quote. All others are
	// addresses, numbers and single words of our own.
	free bool
}

type put = func([]byte, *encoder, *analyzer.Incident) []byte

func address(d flows.Dir) put {
	return func(b []byte, _ *encoder, i *analyzer.Incident) []byte {
		return i.Reset.Flow.Ends[d].AddrPort().Addr().AppendTo(b)
	}
}

func port(d flows.Dir) put {
	return func(b []byte, _ *encoder, i *analyzer.Incident) []byte {
		return strconv.AppendUint(b, uint64(i.Reset.Flow.Ends[d].Port), 10)
	}
}

func word(of func(i *analyzer.Incident) string) put {
	return func(b []byte, _ *encoder, i *analyzer.Incident) []byte { return append(b, of(i)...) }
}

func number(of func(i *analyzer.Incident) uint64) put {
	return func(b []byte, _ *encoder, i *analyzer.Incident) []byte { return strconv.AppendUint(b, of(i), 10) }
}

// rowColumns are those of csv and zeek, in order.
var rowColumns = []column{
	{"time", "ts", "time", func(b []byte, e *encoder, i *analyzer.Incident) []byte { return e.times.rfc3339(b, i.Reset.RST.Time) }, false},
	{"id", "uid", "string", word((*analyzer.Incident).ID), false},
	{"client_ip", "id.orig_h", "addr", address(flows.Client), false},
	{"client_port", "id.orig_p", "port", port(flows.Client), false},
	{"server_ip", "id.resp_h", "addr", address(flows.Server), false},
	{"server_port", "id.resp_p", "port", port(flows.Server), false},
	{"sender", "", "string", word(func(i *analyzer.Incident) string { return i.Reset.Dir.String() }), false},
	{"cause", "", "string", word(func(i *analyzer.Incident) string { return i.Verdict.Rule.ID }), false},
	{"title", "", "string", word(func(i *analyzer.Incident) string { return i.Verdict.Rule.Title }), true},
	{"family", "", "string", word(func(i *analyzer.Incident) string { return string(i.Verdict.Rule.Family) }), false},
	{"confidence", "", "string", word(func(i *analyzer.Incident) string { return i.Verdict.Confidence.String() }), false},
	{"also_fits", "", "string", func(b []byte, _ *encoder, i *analyzer.Incident) []byte {
		for k := range i.Verdict.AlsoFits {
			if k > 0 {
				b = append(b, ' ')
			}
			b = append(b, i.Verdict.AlsoFits[k].Rule.ID...)
		}
		return b
	}, false},
	{"origin", "", "string", word(func(i *analyzer.Incident) string { return i.Verdict.Origin.Who.String() }), false},
	{"effect", "", "string", word(func(i *analyzer.Incident) string { return i.Verdict.Effect.String() }), false},
	{"harm", "", "string", word(func(i *analyzer.Incident) string { return i.Verdict.Harm.Kind.String() }), false},
	{"lost_bytes", "", "count", number(func(i *analyzer.Incident) uint64 { return i.Verdict.Harm.Lost }), false},
	{"harmless", "", "bool", func(b []byte, _ *encoder, i *analyzer.Incident) []byte {
		return strconv.AppendBool(b, benign(&i.Verdict))
	}, false},
	{"resets", "", "count", number(func(i *analyzer.Incident) uint64 { return uint64(1 + len(i.Reset.FollowUps)) }), false},
	{"community_id", "", "string", func(b []byte, _ *encoder, i *analyzer.Incident) []byte {
		return appendCommunityID(b, &i.Reset.Flow.Ends)
	}, false},
	{"conn_state", "", "string", word(func(i *analyzer.Incident) string { return connState(i.Reset) }), false},
	{"history", "", "string", func(b []byte, _ *encoder, i *analyzer.Incident) []byte { return appendHistory(b, i) }, false},
	{"frame", "", "count", number(func(i *analyzer.Incident) uint64 { return i.Reset.RST.Frame }), false},
	{"file", "", "string", func(b []byte, e *encoder, i *analyzer.Incident) []byte {
		return append(b, clean(e.file(i.Reset.RST.Ref()))...)
	}, true},
}

// csvRows is the format csv: a header, and a row an incident, as it settles (RFC 4180).
type csvRows struct {
	encoder
	w    *bufio.Writer
	row  []byte
	cell []byte
	head bool
}

func newCSV(w io.Writer, o Options) analyzer.Sink {
	return &csvRows{encoder: encoder{o: o}, w: bufio.NewWriter(w)}
}

func (c *csvRows) header() {
	if c.head {
		return
	}
	c.head = true
	for k := range rowColumns {
		if k > 0 {
			c.w.WriteByte(',')
		}
		c.w.WriteString(rowColumns[k].name)
	}
	c.w.WriteByte('\n')
}

func (c *csvRows) Incident(i *analyzer.Incident) error {
	c.header()
	b := c.row[:0]
	for k := range rowColumns {
		if k > 0 {
			b = append(b, ',')
		}
		if f := &rowColumns[k]; f.free {
			c.cell = f.put(c.cell[:0], &c.encoder, i)
			b = csvCell(b, c.cell)
		} else {
			b = f.put(b, &c.encoder, i)
		}
	}
	c.row = append(b, '\n')
	if _, err := c.w.Write(c.row); err != nil {
		return err
	}
	if c.o.live() {
		return c.w.Flush()
	}
	return nil
}

// csvCell appends a cell, quoted where it has to be (RFC 4180, 2), and kept from being taken
// for a formula by a spreadsheet (OWASP, CSV injection).
func csvCell(b, cell []byte) []byte {
	if len(cell) > 0 && bytes.IndexByte([]byte("=+-@\t\r"), cell[0]) >= 0 {
		cell = append([]byte{'\''}, cell...)
	}
	if !bytes.ContainsAny(cell, "\",\r\n") {
		return append(b, cell...)
	}
	b = append(b, '"')
	b = append(b, bytes.ReplaceAll(cell, []byte(`"`), []byte(`""`))...)
	return append(b, '"')
}

func (c *csvRows) Note(*flows.Note) error { return nil }

func (c *csvRows) Close(*analyzer.Summary) error {
	c.header()
	return c.w.Flush()
}

// zeekLog is the format zeek: a log as Zeek writes it in ASCII, which zeek-cut reads.
type zeekLog struct {
	encoder
	w    *bufio.Writer
	row  []byte
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
	b := z.row[:0]
	for k := range rowColumns {
		if k > 0 {
			b = append(b, '\t')
		}
		at := len(b)
		f := &rowColumns[k]
		if f.typ == "time" {
			b = zeekTime(b, i.Reset.RST.Time)
			continue
		}
		switch b = f.put(b, &z.encoder, i); {
		case f.typ == "bool":
			b = append(b[:at], b[at]&^0x20) // T or F
		case len(b) == at:
			b = append(b, '-')
		case f.free && (bytes.ContainsAny(b[at:], "\t\n\r\\") || string(b[at:]) == "-"):
			b = zeekCell(b[:at], string(b[at:]))
		}
	}
	z.row = append(b, '\n')
	if _, err := z.w.Write(z.row); err != nil {
		return err
	}
	if z.o.live() {
		return z.w.Flush()
	}
	return nil
}

// zeekTime is in seconds since 1970, with six digits as Zeek writes it.
func zeekTime(b []byte, t int64) []byte {
	if t < 0 {
		b = append(b, '-')
		t = -max(t, -math.MaxInt64)
	}
	b = strconv.AppendInt(b, t/1e9, 10)
	b = append(b, '.')
	for unit := int64(1e8); unit >= 1e3; unit /= 10 {
		b = append(b, byte('0'+t/unit%10))
	}
	return b
}

// zeekCell escapes what would end a field, or mean that there is none.
func zeekCell(b []byte, cell string) []byte {
	if cell == "-" {
		return append(b, `\x2d`...)
	}
	return append(b, zeekEscapes.Replace(cell)...)
}

var zeekEscapes = strings.NewReplacer("\t", `\x09`, "\n", `\x0a`, "\r", `\x0d`, `\`, `\x5c`)

func (z *zeekLog) Note(*flows.Note) error { return nil }

func (z *zeekLog) Close(*analyzer.Summary) error {
	z.header()
	return z.w.Flush()
}
