package analyzer_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/internal/synth"
)

// ethernetHeader is the length of the link layer of synth's frames.
const ethernetHeader = 14

// pcapOf writes whole Ethernet frames as a capture with nanoseconds.
func pcapOf(frames []synth.Frame) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b23c4d)
	b = le.AppendUint32(b, 2|4<<16)
	b = append(b, make([]byte, 8)...)
	b = le.AppendUint32(b, 262144)
	b = le.AppendUint32(b, 1)
	for _, f := range frames {
		b = le.AppendUint32(b, uint32(f.Time/1e9))
		b = le.AppendUint32(b, uint32(f.Time%1e9))
		b = le.AppendUint32(b, uint32(len(f.Data)))
		b = le.AppendUint32(b, uint32(f.WireLen))
		b = append(b, f.Data...)
	}
	return b
}

// rewriteEnds lets edit change the addresses and the ports of an Ethernet frame;
// the checksums stay as right or wrong as they were.
func rewriteEnds(frame []byte, edit func(addrs, ports []byte)) {
	be := binary.BigEndian
	ip := frame[ethernetHeader:]
	addrs, tcp := ip[8:40], ip[40:]
	if ip[0]>>4 == 4 {
		addrs, tcp = ip[12:20], ip[int(ip[0]&15)*4:]
	}
	was := append(append([]byte(nil), addrs...), tcp[:4]...)
	edit(addrs, tcp[:4])
	now := append(append([]byte(nil), addrs...), tcp[:4]...)
	fix := func(sum []byte, from, to []byte) { // RFC 1624
		s := uint32(^be.Uint16(sum))
		for i := 0; i < len(from); i += 2 {
			s += uint32(^be.Uint16(from[i:])) + uint32(be.Uint16(to[i:]))
		}
		for s>>16 != 0 {
			s = s&0xffff + s>>16
		}
		be.PutUint16(sum, ^uint16(s))
	}
	if ip[0]>>4 == 4 {
		fix(ip[10:12], was[:8], now[:8])
	}
	if len(tcp) >= 18 {
		fix(tcp[16:18], was, now)
	}
}

// otherHosts gives both ends of a frame other addresses.
func otherHosts(frame []byte) {
	rewriteEnds(frame, func(addrs, _ []byte) {
		half := len(addrs) / 2
		addrs[half-3] ^= 0x55
		addrs[2*half-3] ^= 0x55
	})
}

// otherPorts gives the client of a frame, taken to be the end with the higher
// port, another port.
func otherPorts(frame []byte) {
	be := binary.BigEndian
	rewriteEnds(frame, func(_, ports []byte) {
		a, b := be.Uint16(ports), be.Uint16(ports[2:])
		if a >= b {
			be.PutUint16(ports, a+7919)
		}
		if b >= a {
			be.PutUint16(ports[2:], b+7919)
		}
	})
}

// twice returns the frames of s and, each a little later, the same changed by
// edit, in the order of time.
func twice(s *synth.Script, later time.Duration, edit func([]byte)) []synth.Frame {
	frames := s.Frames()
	for _, f := range s.Frames() {
		f.Time += int64(later)
		edit(f.Data)
		frames = append(frames, f)
	}
	slices.SortStableFunc(frames, func(a, b synth.Frame) int {
		switch {
		case a.Time < b.Time:
			return -1
		case a.Time > b.Time:
			return 1
		}
		return 0
	})
	return frames
}

// The same conversation between other hosts, at the same time and in the same
// capture, has the same causes, and changes nothing of the first: facts that many
// connections show are kept apart by host. Nor does the time of day matter.
func TestScenariosSideBySide(t *testing.T) {
	for _, s := range scenarios(t) {
		t.Run(s.name(), func(t *testing.T) {
			plain := find(t, 0, pcapOf(s.script.Frames()))
			both := find(t, 0, pcapOf(twice(s.script, 300*time.Microsecond, otherHosts)))
			if want, got := sorted(plain.causes, plain.causes), sorted(both.causes); !slices.Equal(want, got) {
				t.Errorf("beside other hosts: %v, want %v", got, want)
			}
			if want, got := sorted(plain.sure, plain.sure), sorted(both.sure); !slices.Equal(want, got) {
				t.Errorf("beside other hosts: %v, want %v", got, want)
			}
			later := s.script.Frames()
			for i := range later {
				later[i].Time += 12345678901234
			}
			if got := find(t, 0, pcapOf(later)); !slices.Equal(plain.lines, got.lines) {
				t.Errorf("at another time: %v, plain: %v", got.lines, plain.lines)
			}
		})
	}
}

// together are the causes that another connection of the same hosts at the same
// time may bring or take away, and why it should.
var together = map[string]string{
	"process-death":          "a process closes its sockets in one order, and two such orders through each other are none",
	"listener-closed":        "connections that waited and end at once are what it is recognised by",
	"middlebox-idle-timeout": "the pauses of all connections to a port enclose its timer",
	"health-check":           "a second checker between the beats of the first hides the beat of both",
}

// The same conversation twice between the same hosts, on other ports, has the
// same causes but for those that are recognised by their being several.
func TestScenariosTwice(t *testing.T) {
	for _, s := range scenarios(t) {
		t.Run(s.name(), func(t *testing.T) {
			plain := find(t, 0, pcapOf(s.script.Frames()))
			both := find(t, 0, pcapOf(twice(s.script, 300*time.Microsecond, otherPorts)))
			want, got := sorted(plain.causes, plain.causes), sorted(both.causes)
			if slices.Equal(want, got) {
				return
			}
			for id, why := range together {
				if slices.Contains(want, id) || slices.Contains(got, id) {
					t.Logf("%s: %s", id, why)
					return
				}
			}
			t.Errorf("twice: %v, want %v", got, want)
		})
	}
}

func sorted(lists ...[]string) []string { return slices.Sorted(slices.Values(slices.Concat(lists...))) }

// ofIPv4 are scenarios that are about what IPv4 alone has, and why.
var ofIPv4 = map[string]string{
	"field/counter-goes-on-in-the-reset": "that the IP ID goes on shows that the same stack sent the RST",
}

// Through IPv6 a conversation has the same causes or fewer: its flow labels tell
// more, and what IPv4 alone has (ID, Don't Fragment) tells no more there.
func TestScenariosIPv6(t *testing.T) {
	const onlyIPv4 = classify.IDEcho | classify.NoDF | classify.OtherID
	for _, s := range scenarios(t) {
		t.Run(s.name(), func(t *testing.T) {
			if why := ofIPv4[s.name()]; why != "" {
				t.Skip(why)
			}
			plain := find(t, 0, render(t, s.script, synth.Format{}))
			six := find(t, 0, render(t, s.script, synth.Format{IPv6: true}))
			if len(plain.causes) != len(six.causes) {
				t.Fatalf("%v, through IPv4 %v", six.lines, plain.lines)
			}
			for i, id := range six.causes {
				switch {
				case id == plain.causes[i] && six.sure[i] == plain.sure[i]:
				case plain.signs[i].Any(onlyIPv4):
					if six.sure[i] == "certain" {
						t.Errorf("certain of %s without what IPv4 shows", id)
					}
				case !slices.Contains(plain.sets[i], id):
					t.Errorf("%s, through IPv4 one of %v", id, plain.sets[i])
				case len(six.sets[i]) >= len(plain.sets[i]):
					t.Errorf("one of %v, through IPv4 one of %v", six.sets[i], plain.sets[i])
				}
			}
		})
	}
}

// The loopback interface through `any` shows every packet twice. That changes no
// cause and makes nothing surer.
func TestScenariosOnLoopback(t *testing.T) {
	for _, s := range scenarios(t) {
		t.Run(s.name(), func(t *testing.T) {
			plain := find(t, 0, render(t, s.script, synth.Format{}))
			file := looped(render(t, s.script, synth.Format{Link: synth.SLL2, Nano: true}))
			got := find(t, 0, file)
			if !slices.Equal(got.causes, plain.causes) {
				t.Fatalf("%v, once %v", got.lines, plain.lines)
			}
			for i := range got.sure {
				if got.sure[i] == "certain" && plain.sure[i] != "certain" {
					t.Errorf("certain of %s", got.lines[i])
				}
			}
			if have, want := countFrames(got), countRSTs(t, file); have != want {
				t.Errorf("%d RSTs in incidents, %d in the capture", have, want)
			}
		})
	}
}

// A snapshot length that cuts the options of SYNs and all payload makes nothing
// certain that was not, and nobody a forger: what was cut off proves nothing.
func TestScenariosCutShort(t *testing.T) {
	const headers = ethernetHeader + 20 + 20 + 14
	for _, s := range scenarios(t) {
		if slices.ContainsFunc(s.script.Frames(), func(f synth.Frame) bool { return f.Data[ethernetHeader]>>4 == 6 }) {
			continue // the headers alone are longer
		}
		t.Run(s.name(), func(t *testing.T) {
			plain := find(t, 0, render(t, s.script, synth.Format{}))
			file := render(t, s.script, synth.Format{Snaplen: headers})
			got := find(t, 0, file)
			if have, want := countFrames(got), countRSTs(t, file); have != want || len(got.causes) != len(plain.causes) {
				t.Fatalf("%d RSTs in incidents, %d in the capture: %v, whole %v", have, want, got.lines, plain.lines)
			}
			for i := range got.sure {
				if got.sure[i] == "certain" && plain.sure[i] != "certain" {
					t.Errorf("certain of %s, whole %s", got.lines[i], plain.lines[i])
				}
				if got.causes[i] == "injected-rst" && plain.causes[i] != "injected-rst" {
					t.Errorf("%s, whole %s", got.lines[i], plain.lines[i])
				}
			}
		})
	}
}

// looped makes of a capture with SLL2 headers one of the loopback interface
// through `any`, which has every packet twice: going out and coming in.
func looped(file []byte) []byte {
	le := binary.LittleEndian
	out := append([]byte(nil), file[:24]...)
	for rest := file[24:]; len(rest) > 0; {
		n := 16 + int(le.Uint32(rest[8:]))
		for _, kind := range []byte{4, 0} { // PACKET_OUTGOING, PACKET_HOST
			at := len(out)
			out = append(out, rest[:n]...)
			out[at+16+10] = kind
			if kind == 0 {
				le.PutUint32(out[at+4:], min(le.Uint32(out[at+4:])+1000, 999999999))
			}
		}
		rest = rest[n:]
	}
	return out
}
