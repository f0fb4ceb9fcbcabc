package synth

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rstwhy/rstwhy/packet"
)

// maxEvents bounds what repeat blocks can ask for.
const maxEvents = 1 << 22

// Parse reads a scenario. name is what errors call it, with a line number:
// "no-listener.txtar:4: ...". It fails on the first line that is not in the
// vocabulary of the package, and when there is no section "packets".
func Parse(name string, text []byte) (*Script, error) {
	s := &Script{Name: name, sections: splitSections(text)}
	packets, line, ok := s.Section("packets")
	if !ok {
		return nil, fmt.Errorf("%s: no section named packets", name)
	}
	s.Title, _, _ = strings.Cut(strings.TrimSpace(string(s.sections[0].text)), "\n")
	p := &parser{
		script: s,
		now:    time.Date(2024, 1, 15, 10, 0, 0, 0, time.UTC).UnixNano(),
		ends: map[string]*endpoint{
			"C": {addr: netip.MustParseAddr("192.0.2.1"), port: 40000, ttl: 64},
			"S": {addr: netip.MustParseAddr("198.51.100.1"), port: 80, ttl: 64},
		},
		conns: map[connKey]*conn{},
	}
	if n, err := p.run(strings.Split(strings.TrimSuffix(string(packets), "\n"), "\n")); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, line+n, err)
	}
	s.sortEvents()
	return s, nil
}

type endpoint struct {
	addr   netip.Addr
	port   uint16 // 0 when every use names one
	ttl    uint8
	isn    packet.Seq
	hasISN bool
}

// connKey is a connection, the lesser side first.
type connKey [2]netip.AddrPort

type conn struct {
	incarnation uint64
	side        [2]side // in the order of the key
}

// side is what one end of a connection has sent so far.
type side struct {
	isn     packet.Seq
	hasISN  bool
	sent    bool
	syn     bool // has sent a SYN
	opener  bool // has sent a SYN without ACK
	acked   bool // has sent the ACK that ends the handshake
	synTS   bool // its SYN had timestamps
	hasID   bool
	id      uint16
	hasTS   bool
	tsBase  uint32 // TSval at the start of the script
	lastVal uint32 // TSval sent last
	sentTS  bool
}

type parser struct {
	script  *Script
	started bool
	start   int64
	now     int64
	ends    map[string]*endpoint
	conns   map[connKey]*conn
}

// run runs the lines of the section and returns the index of the line that an
// error is about.
func (p *parser) run(lines []string) (int, error) {
	for n := 0; n < len(lines); n++ {
		tokens, err := tokenize(lines[n])
		if err != nil {
			return n, err
		}
		if len(tokens) == 0 {
			continue
		}
		if tokens[0] != "repeat" {
			if err := p.line(tokens); err != nil {
				return n, err
			}
			continue
		}
		count, gap, err := parseRepeat(tokens)
		if err != nil {
			return n, err
		}
		end := n + 1
		for ; end < len(lines); end++ {
			word := strings.Fields(lines[end])
			if len(word) > 0 && word[0] == "repeat" {
				return end, errors.New("a repeat block inside another")
			}
			if len(word) > 0 && word[0] == "end" {
				break
			}
		}
		if end == len(lines) {
			return n, errors.New("repeat without end")
		}
		first := p.now
		for i := range count {
			p.now = first + int64(i)*gap
			for at := n + 1; at < end; at++ {
				text, err := substitute(lines[at], i)
				if err != nil {
					return at, err
				}
				tokens, err := tokenize(text)
				if err != nil {
					return at, err
				}
				if len(tokens) == 0 {
					continue
				}
				if err := p.line(tokens); err != nil {
					return at, err
				}
			}
		}
		n = end
	}
	return 0, nil
}

func parseRepeat(tokens []string) (count int, gap int64, err error) {
	if len(tokens) != 3 {
		return 0, 0, errors.New("repeat takes a count and a gap: repeat 100 +.001")
	}
	n, err := number(tokens[1], 1, maxEvents)
	if err != nil {
		return 0, 0, fmt.Errorf("repeat: %w", err)
	}
	gap, err = seconds(tokens[2])
	return int(n), gap, err
}

// substitute replaces {i} and {N+i}.
func substitute(line string, i int) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(line, "{")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		inner, after, found := strings.Cut(rest, "}")
		if !found {
			return "", errors.New("{ without }")
		}
		base, isSum := strings.CutSuffix(inner, "+i")
		sum := int64(i)
		if isSum {
			n, err := number(base, 0, 1<<32-1)
			if err != nil {
				return "", fmt.Errorf("{%s}: %w", inner, err)
			}
			sum += n
		} else if inner != "i" {
			return "", fmt.Errorf("{%s} is neither {i} nor {N+i}", inner)
		}
		out.WriteString(strconv.FormatInt(sum, 10))
		line = after
	}
}

// tokenize splits a line at white space. Options in <> and quotations are one
// token each; a comment is none.
func tokenize(line string) ([]string, error) {
	var tokens []string
	for {
		line = strings.TrimLeft(line, " \t\r")
		if line == "" || line[0] == '#' {
			return tokens, nil
		}
		n := 0
		switch {
		case line[0] == '<':
			if n = strings.IndexByte(line, '>') + 1; n == 0 {
				return nil, errors.New("options without a closing >")
			}
		case line[0] == '"' || strings.HasPrefix(line, `x"`):
			n = strings.IndexByte(line, '"') + 1
			for n < len(line) && line[n] != '"' {
				if line[n] == '\\' {
					n++
				}
				n++
			}
			if n++; n > len(line) {
				return nil, errors.New("payload without a closing quotation mark")
			}
		default:
			if n = strings.IndexAny(line, " \t\r#"); n < 0 {
				n = len(line)
			}
		}
		tokens = append(tokens, line[:n])
		line = line[n:]
	}
}

// line runs one declaration or segment.
func (p *parser) line(t []string) error {
	if strings.HasPrefix(t[0], "+") {
		return p.segment(t)
	}
	if len(t) == 3 && t[1] == "=" {
		return p.declare(t[0], t[2])
	}
	switch t[0] {
	case "isn", "ttl":
		if len(t) != 3 {
			return fmt.Errorf("%s takes an endpoint and a number", t[0])
		}
		e, ok := p.ends[t[1]]
		if !ok {
			return fmt.Errorf("%s: no endpoint named %s", t[0], t[1])
		}
		if t[0] == "ttl" {
			n, err := number(t[2], 0, 255)
			e.ttl = uint8(n)
			return wrap(t[0], err)
		}
		n, err := number(t[2], 0, 1<<32-1)
		e.isn, e.hasISN = packet.Seq(n), true
		return wrap(t[0], err)
	case "start":
		if len(t) != 2 {
			return errors.New("start takes a time: start 2024-05-01T08:00:00Z")
		}
		at, err := time.Parse(time.RFC3339Nano, t[1])
		if err != nil {
			return fmt.Errorf("start: %s is not a time of RFC 3339", t[1])
		}
		if p.started {
			return errors.New("start after the first segment")
		}
		if at.Unix() < 0 || at.Unix() > 1<<32-1 {
			return errors.New("start: a capture file holds times from 1970 to 2106")
		}
		p.now = at.UnixNano()
		return nil
	case "end":
		return errors.New("end without repeat")
	}
	return fmt.Errorf("%q begins neither a segment (+time) nor a declaration", t[0])
}

func wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (p *parser) declare(name, address string) error {
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_') {
			return fmt.Errorf("%q is no name for an endpoint: letters, digits and _ are", name)
		}
	}
	e := &endpoint{ttl: 64}
	if ap, err := netip.ParseAddrPort(address); err == nil {
		e.addr, e.port = ap.Addr(), ap.Port()
	} else if e.addr, err = netip.ParseAddr(address); err != nil {
		return fmt.Errorf("%s: %s is neither an address nor address:port", name, address)
	}
	if e.addr.Zone() != "" || e.addr.Is4In6() {
		return fmt.Errorf("%s: %s has a zone or is IPv4-mapped", name, address)
	}
	p.ends[name] = e
	return nil
}

// end looks up "C" or "C:40001".
func (p *parser) end(word string) (name string, e *endpoint, at netip.AddrPort, err error) {
	name, port, hasPort := strings.Cut(word, ":")
	e, ok := p.ends[name]
	if !ok {
		return "", nil, at, fmt.Errorf("no endpoint named %s: declare it as %s = address:port", name, name)
	}
	n := int64(e.port)
	if hasPort {
		if n, err = number(port, 0, 65535); err != nil {
			return "", nil, at, fmt.Errorf("%s: port %w", word, err)
		}
	} else if n == 0 {
		return "", nil, at, fmt.Errorf("%s was declared without a port", name)
	}
	return name, e, netip.AddrPortFrom(e.addr, uint16(n)), nil
}

// fields are what a line says about its segment.
type fields struct {
	seq              int64
	seqAbs, lenKnown bool
	length           int
	ack              int64
	hasAck, ackAbs   bool
	win, id          int64 // -1 when not said
	label, isn       int64
	reserved         int64
	options          string
	payload          []byte
	hasPayload       bool
	drop, dup        bool
}

func (p *parser) segment(t []string) error {
	gap, err := seconds(t[0])
	if err != nil {
		return err
	}
	if len(t) < 6 || t[2] != ">" {
		return errors.New("a segment reads: +time A > B flags seq, then the rest")
	}
	name, from, src, err := p.end(t[1])
	if err != nil {
		return err
	}
	_, to, dst, err := p.end(t[3])
	if err != nil {
		return err
	}
	if src.Addr().Is4() != dst.Addr().Is4() {
		return fmt.Errorf("%s and %s are of different IP versions", t[1], t[3])
	}
	if src == dst {
		return fmt.Errorf("%s sends to itself", t[1])
	}
	flags, err := parseFlags(t[4])
	if err != nil {
		return err
	}
	ev := event{sender: name}
	s := &ev.segment
	s.src, s.dst = src.Addr().As16(), dst.Addr().As16()
	s.srcPort, s.dstPort = src.Port(), dst.Port()
	s.ipv6, s.df, s.outgoing = src.Addr().Is6(), src.Addr().Is4(), name == "C"
	s.ttl = from.ttl
	f := fields{win: -1, id: -1, label: -1, isn: -1}
	if err := f.parseSeq(t[5]); err != nil {
		return err
	}
	if err := f.parseRest(t[6:], s); err != nil {
		return err
	}
	if f.lenKnown && f.hasPayload && f.length != len(f.payload) {
		return fmt.Errorf("%s says %d octets of payload, the text has %d", t[5], f.length, len(f.payload))
	}
	if !f.lenKnown {
		f.length = len(f.payload)
	}
	if f.length > maxPayload {
		return fmt.Errorf("%d octets of payload do not fit an IP packet", f.length)
	}
	syn, rst, ackFlag := flags.Has(packet.SYN), flags.Has(packet.RST), flags.Has(packet.ACK)
	switch {
	case ackFlag && !f.hasAck:
		return errors.New("the ACK flag needs an ack number")
	case rst && ackFlag && f.win < 0:
		return errors.New("flags R. need a window: win 0 for a reply, the usual window for an abort")
	case f.isn >= 0 && !syn:
		return errors.New("isn on a segment without SYN")
	}

	if p.now+gap > (1<<32-1)*int64(time.Second) {
		return errors.New("time after 2106, which a capture file cannot hold")
	}
	p.now += gap
	if !p.started {
		p.started, p.start = true, p.now
	}
	ev.time = p.now

	key, me := connKey{src, dst}, 0
	if dst.Compare(src) < 0 {
		key, me = connKey{dst, src}, 1
	}
	c := p.conns[key]
	if c == nil {
		c = &conn{}
		p.conns[key] = c
	}
	if f.isn >= 0 && !ackFlag && c.side[me].sent {
		*c = conn{incarnation: c.incarnation + 1}
	}
	mine, peer := &c.side[me], &c.side[1-me]
	if f.isn >= 0 {
		mine.isn, mine.hasISN = packet.Seq(f.isn), true
	}
	begin(mine, from, key, c.incarnation, me)
	begin(peer, to, key, c.incarnation, 1-me)

	s.flags = flags | packet.Flags(f.reserved)<<8
	s.seq = packet.Seq(f.seq)
	if !f.seqAbs && !(rst && ackFlag && !mine.sent && f.seq == 0) {
		s.seq += mine.isn
	}
	s.ack = packet.Seq(f.ack)
	if f.hasAck && !f.ackAbs {
		s.ack += peer.isn
	}
	switch {
	case f.win >= 0:
		s.window = uint16(f.win)
	case rst:
	case syn && ackFlag:
		s.window = 65160
	case syn:
		s.window = 64240
	default:
		s.window = 502
	}
	switch {
	case f.id >= 0:
		s.id = uint16(f.id)
		mine.id, mine.hasID = s.id, true
	case syn && ackFlag, rst && !ackFlag, rst && s.window == 0:
	default:
		if !mine.hasID {
			mine.id, mine.hasID = uint16(mix(uint64(mine.isn)+1)), true
		}
		mine.id++
		s.id = mine.id
	}
	s.label = uint32(mix(uint64(mine.isn)+2))&0xffffe + 1
	if f.label >= 0 {
		s.label = uint32(f.label)
	}
	ms := uint32((p.now - p.start) / 1e6)
	if s.options, err = p.options(&f, flags, mine, peer, ms); err != nil {
		return err
	}
	s.payload = f.payload
	if !f.hasPayload && f.length > 0 {
		s.payload = make([]byte, f.length)
		for i := range s.payload {
			s.payload[i] = 'a' + byte((uint32(s.seq)+uint32(i))%26)
		}
	}

	pure := flags == packet.ACK && f.length == 0
	if pure && mine.opener && peer.syn && !mine.acked {
		mine.acked, ev.handshake = true, true
	}
	if syn {
		mine.syn, ev.handshake = true, true
		mine.opener = mine.opener || !ackFlag
	}
	mine.sent = true

	if f.drop {
		return nil
	}
	copies := 1
	if f.dup {
		copies = 2
	}
	if len(p.script.events)+copies > maxEvents {
		return fmt.Errorf("more than %d segments", maxEvents)
	}
	for range copies {
		p.script.events = append(p.script.events, ev)
	}
	return nil
}

// begin gives a side its ISN.
func begin(s *side, e *endpoint, key connKey, incarnation uint64, me int) {
	if s.hasISN {
		return
	}
	s.hasISN = true
	if e.hasISN && incarnation == 0 {
		s.isn = e.isn
		return
	}
	h := mix(incarnation<<1 | uint64(me))
	for _, at := range key {
		ip := at.Addr().As16()
		h = mix(h ^ binary.BigEndian.Uint64(ip[:8]))
		h = mix(h ^ binary.BigEndian.Uint64(ip[8:]))
		h = mix(h ^ uint64(at.Port()))
	}
	s.isn = farISN(h)
}

func parseFlags(word string) (packet.Flags, error) {
	if word == "-" {
		return 0, nil
	}
	var flags packet.Flags
	for _, c := range word {
		i := strings.IndexRune("FSRP.UEW", c) // the order of the bits
		if i < 0 {
			return 0, fmt.Errorf("%q is not a set of flags (S F R P . W E U, or - for none)", word)
		}
		bit := packet.Flags(1) << i
		if flags.Has(bit) {
			return 0, fmt.Errorf("flag %c twice", c)
		}
		flags |= bit
	}
	return flags, nil
}

// parseSeq reads A:B(L), A(L), A, or seq=A with or without (L).
func (f *fields) parseSeq(word string) error {
	rest, abs := strings.CutPrefix(word, "seq=")
	f.seqAbs = abs
	lo, length, hasLen := strings.Cut(rest, "(")
	lo, hi, hasEnd := strings.Cut(lo, ":")
	bad := fmt.Errorf("%q is no sequence number: 1:101(100), 1, or seq=0x1f2e(100)", word)
	if hasEnd && (!hasLen || abs) {
		return bad
	}
	var err error
	if f.seq, err = sequence(lo, abs); err != nil {
		return bad
	}
	if !hasLen {
		return nil
	}
	n, err := number(strings.TrimSuffix(length, ")"), 0, 1<<31)
	if err != nil || !strings.HasSuffix(length, ")") {
		return bad
	}
	f.length, f.lenKnown = int(n), true
	if hasEnd {
		end, err := sequence(hi, false)
		if err != nil {
			return bad
		}
		if end != f.seq+n {
			return fmt.Errorf("%s: %d and %d octets make %d", word, f.seq, n, f.seq+n)
		}
	}
	return nil
}

// sequence reads a sequence number: any 32 bits when absolute, or a distance
// from the ISN that may lie before it.
func sequence(word string, abs bool) (int64, error) {
	digits, negative := strings.CutPrefix(word, "-")
	if abs {
		return number(word, 0, 1<<32-1)
	}
	n, err := number(digits, 0, 1<<32-1)
	if negative {
		n = -n
	}
	return n, err
}

func (f *fields) parseRest(t []string, s *segment) error {
	seen := map[string]bool{}
	for i := 0; i < len(t); i++ {
		word, what := t[i], t[i]
		switch {
		case word[0] == '<':
			what = "options"
		case word[0] == '"' || strings.HasPrefix(word, `x"`):
			what = "payload"
		case strings.HasPrefix(word, "ack="):
			what = "ack"
		case word == "nodf":
			what = "df"
		}
		if seen[what] {
			return fmt.Errorf("%s twice", what)
		}
		seen[what] = true
		// value reads the number after the word.
		value := func(into *int64, max int64) error {
			if i++; i == len(t) {
				return fmt.Errorf("%s without a number", word)
			}
			n, err := number(t[i], 0, max)
			*into = n
			return wrap(word, err)
		}
		var err error
		var n int64
		switch {
		case what == "options":
			f.options = word[1 : len(word)-1]
		case what == "payload" && word[0] == 'x':
			f.hasPayload = true
			if f.payload, err = hex.DecodeString(word[2 : len(word)-1]); err != nil {
				err = fmt.Errorf("%s is not hexadecimal", word)
			}
		case what == "payload":
			text, bad := strconv.Unquote(word)
			if f.payload, f.hasPayload = []byte(text), true; bad != nil {
				err = fmt.Errorf("%s is not quoted as in Go", word)
			}
		case strings.HasPrefix(word, "ack="):
			f.hasAck, f.ackAbs = true, true
			f.ack, err = sequence(word[4:], true)
			err = wrap(word, err)
		case word == "ack":
			if i++; i == len(t) {
				return errors.New("ack without a number")
			}
			f.hasAck = true
			f.ack, err = sequence(t[i], false)
			err = wrap(word, err)
		case word == "win":
			err = value(&f.win, 65535)
		case word == "id":
			err = value(&f.id, 65535)
		case word == "label":
			err = value(&f.label, 0xfffff)
		case word == "isn":
			err = value(&f.isn, 1<<32-1)
		case word == "reserved":
			err = value(&f.reserved, 15)
		case word == "ttl":
			err = value(&n, 255)
			s.ttl = uint8(n)
		case word == "tos":
			err = value(&n, 255)
			s.tos = uint8(n)
		case what == "df":
			s.df = word == "df"
		case word == "drop":
			f.drop = true
		case word == "dup":
			f.dup = true
		case word == "badsum":
			s.badsum = true
		default:
			err = fmt.Errorf("%q is not a word of the notation", word)
		}
		if err != nil {
			return err
		}
	}
	if f.drop && f.dup {
		return errors.New("drop and dup together")
	}
	return nil
}

// options encodes the TCP options of a segment and remembers timestamps.
func (p *parser) options(f *fields, flags packet.Flags, mine, peer *side, ms uint32) ([]byte, error) {
	var b []byte
	hasTS, noTS := false, false
	stamp := func(val, ecr uint32) {
		b = append(b, 8, 10)
		b = binary.BigEndian.AppendUint32(b, val)
		b = binary.BigEndian.AppendUint32(b, ecr)
		mine.lastVal, mine.sentTS, hasTS = val, true, true
	}
	clock := func() (val, ecr uint32) {
		if !mine.hasTS {
			mine.hasTS, mine.tsBase = true, uint32(mix(uint64(mine.isn)+3))
		}
		if peer.sentTS && flags.Has(packet.ACK) {
			ecr = peer.lastVal
		}
		return mine.tsBase + ms, ecr
	}
	words := strings.FieldsFunc(f.options, func(r rune) bool { return r == ',' })
	for _, w := range words {
		if name := strings.Fields(w); len(name) > 0 && (name[0] == "TS" || name[0] == "noTS") {
			noTS = true // said, so nothing is automatic
		}
	}
	ts := mine.synTS && (!peer.syn || peer.synTS)
	if ts && !noTS && !flags.Has(packet.RST) && !flags.Has(packet.SYN) {
		b = append(b, 1, 1)
		stamp(clock())
	}
	for _, w := range words {
		t := strings.Fields(w)
		if len(t) == 0 {
			return nil, fmt.Errorf("<%s>: an option is missing between commas", f.options)
		}
		bad := fmt.Errorf("option %q is not in the notation", strings.TrimSpace(w))
		// value is the number that options of two words have.
		value := func(max int64) (int64, error) {
			if len(t) != 2 {
				return 0, bad
			}
			n, err := number(t[1], 0, max)
			return n, wrap(t[0], err)
		}
		var n int64
		var err error
		switch t[0] {
		case "nop":
			b = append(b, 1)
		case "eol":
			b = append(b, 0)
		case "mss":
			n, err = value(65535)
			b = append(b, 2, 4, byte(n>>8), byte(n))
		case "wscale":
			n, err = value(255)
			b = append(b, 3, 3, byte(n))
		case "sackOK":
			b = append(b, 4, 2)
		case "sack":
			b = append(b, 5, byte(2+8*(len(t)-1)))
			for _, block := range t[1:] {
				lo, hi, _ := strings.Cut(block, ":")
				left, err1 := sequence(lo, false)
				right, err2 := sequence(hi, false)
				if err1 != nil || err2 != nil {
					return nil, fmt.Errorf("sack: %q is no block: 1:100", block)
				}
				b = binary.BigEndian.AppendUint32(b, uint32(peer.isn+packet.Seq(left)))
				b = binary.BigEndian.AppendUint32(b, uint32(peer.isn+packet.Seq(right)))
			}
		case "TS":
			val, ecr := clock()
			switch {
			case len(t) == 5 && t[1] == "val" && t[3] == "ecr":
				v, err1 := number(t[2], 0, 1<<32-1)
				e, err2 := number(t[4], 0, 1<<32-1)
				if err := errors.Join(err1, err2); err != nil {
					return nil, wrap("TS", err)
				}
				val, ecr = uint32(v), uint32(e)
				mine.tsBase = val - ms
			case len(t) != 1:
				return nil, bad
			}
			stamp(val, ecr)
		case "noTS":
		case "md5":
			b = append(append(b, 19, 18), make([]byte, 16)...)
		case "ao":
			b = append(append(b, 29, 16), make([]byte, 14)...)
		case "mp-capable":
			b = append(b, 30, 4, 0x01, 0x01) // version 1, HMAC-SHA256
		case "fastclose":
			b = append(append(b, 30, 12, 0x70, 0), make([]byte, 8)...)
		case "mptcp-rst":
			n, err = value(255)
			b = append(b, 30, 4, 0x80, byte(n))
		case "raw":
			if len(t) != 2 {
				return nil, bad
			}
			raw, bad := hex.DecodeString(t[1])
			if bad != nil {
				err = fmt.Errorf("raw: %s is not hexadecimal", t[1])
			}
			b = append(b, raw...)
		default:
			err = bad
		}
		if err != nil {
			return nil, err
		}
		if one := t[0] == "nop" || t[0] == "eol" || t[0] == "sackOK" || t[0] == "noTS" || t[0] == "md5" ||
			t[0] == "ao" || t[0] == "mp-capable" || t[0] == "fastclose"; one && len(t) > 1 {
			return nil, bad
		}
		if len(b) > 40 {
			return nil, fmt.Errorf("<%s>: %d octets of options, a header holds 40", f.options, len(b))
		}
	}
	if flags.Has(packet.SYN) {
		mine.synTS = hasTS
	}
	return b, nil
}

// number reads a decimal number, or a hexadecimal one with 0x.
func number(word string, lo, hi int64) (int64, error) {
	digits, hexadecimal := strings.CutPrefix(word, "0x")
	base := 10
	if hexadecimal {
		base = 16
	}
	n, err := strconv.ParseUint(digits, base, 63)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", word)
	}
	if int64(n) < lo || int64(n) > hi {
		return 0, fmt.Errorf("%s is not between %d and %d", word, lo, hi)
	}
	return int64(n), nil
}

// seconds reads "+.00008" as nanoseconds, exactly.
func seconds(word string) (int64, error) {
	bad := fmt.Errorf("%q is no time: + and seconds with at most nine decimals", word)
	digits, ok := strings.CutPrefix(word, "+")
	whole, fraction, _ := strings.Cut(digits, ".")
	if !ok || whole+fraction == "" || len(fraction) > 9 {
		return 0, bad
	}
	var n, part int64
	var err error
	if whole != "" {
		if n, err = number(whole, 0, 1<<32-1); err != nil {
			return 0, bad
		}
	}
	if fraction != "" {
		if part, err = number((fraction + "000000000")[:9], 0, 1e9); err != nil {
			return 0, bad
		}
	}
	return n*1e9 + part, nil
}
