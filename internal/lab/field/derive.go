package field

import (
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// derive makes the capture of a vantage out of what was recorded: one host's, or
// one of the router's interfaces, cut short and with its fault.
func derive(v Vantage, client, server, router *capture, outside int) *capture {
	r := rand.New(rand.NewPCG(v.Seed, 4))
	var from *capture
	switch v.At {
	case "client":
		from = client
	case "server":
		from = server
	default:
		from = router
	}
	c := &capture{link: from.link}
	for _, f := range from.frames {
		if !f.tcp || v.At == "inside" && f.link == outside || v.At == "outside" && f.link != outside {
			continue
		}
		f.data = slices.Clone(f.data)
		if v.At == "inside" || v.At == "outside" {
			f.toEthernet()
		}
		c.frames = append(c.frames, f)
	}
	if v.At == "inside" || v.At == "outside" {
		c.link = linkEthernet
	}
	c.fault(v.Fault, r)
	for i := range c.frames {
		f := &c.frames[i]
		// The TCP header is there at least: tcpdump's users cut no shorter.
		f.data = f.data[:min(len(f.data), max(v.Snaplen, f.ip+f.seg.tcp+20))]
		f.decode(c.link)
	}
	return c
}

// toEthernet replaces the header of SLL2. It does not know the receiver.
func (f *frame) toEthernet() {
	eth := make([]byte, 14, 14+len(f.data)-f.ip)
	copy(eth, []byte{2, 0, 0, 0, 0, 1})
	copy(eth[6:], f.data[12:18])
	copy(eth[12:], f.data[:2])
	f.data = append(eth, f.data[f.ip:]...)
	f.wire += 14 - f.ip
	f.ip = 14
}

// fault takes from the capture what a capture with the fault does not have.
func (c *capture) fault(what string, r *rand.Rand) {
	if len(c.frames) == 0 {
		return
	}
	first := c.frames[0].time
	span := c.frames[len(c.frames)-1].time.Sub(first)
	part := func(low, high float64) time.Duration {
		return time.Duration((low + (high-low)*r.Float64()) * float64(span))
	}
	drop := func(lost func(f *frame) bool) {
		c.frames = slices.DeleteFunc(c.frames, func(f frame) bool { return lost(&f) })
	}
	switch what {
	case faultOneWay:
		fromClient := r.IntN(2) == 0
		drop(func(f *frame) bool {
			_, is, ok := pairOf(&f.seg)
			return ok && is != fromClient
		})
	case faultLate:
		begin := first.Add(part(0.2, 0.6))
		drop(func(f *frame) bool { return f.time.Before(begin) })
	case faultHoles:
		type hole struct{ from, to time.Time }
		var holes []hole
		for range 3 + r.IntN(6) {
			from := first.Add(part(0, 1))
			holes = append(holes, hole{from, from.Add(time.Duration(20+r.IntN(480)) * time.Millisecond)})
		}
		drop(func(f *frame) bool {
			return r.IntN(200) == 0 || slices.ContainsFunc(holes, func(h hole) bool {
				return f.time.After(h.from) && f.time.Before(h.to)
			})
		})
	case faultRewritten:
		mask := r.Uint32() & 0x00ffff00 // the first octet stays what it is, and the last
		for i := range c.frames {
			f := &c.frames[i]
			ip := f.data[f.ip:]
			at := []int{12, 16}
			if ip[0]>>4 == 6 {
				at = []int{8 + 4, 24 + 4}
			}
			for _, n := range at {
				binary.BigEndian.PutUint32(ip[n:], binary.BigEndian.Uint32(ip[n:])^mask)
			}
		}
	}
}

// rejecting are the kinds in which a packet filter answers. A RST of another kind
// of which nobody has said anything is not known.
var rejecting = map[string]bool{"reject-host": true, "reject-router": true, "reject-midstream": true, "idle-box": true}

// record is the truth of a derived capture.
func (t *truth) record(c *capture, w *World, v Vantage) *Record {
	rec := &Record{World: w.N, Seed: w.Seed, Path: w.Path, Vantage: v, Resets: []Reset{}, Unknown: []int{}, Failed: []string{}}
	type seen struct {
		resets int
		isn    uint32
		syn    bool
	}
	pairs := map[pair]*seen{}
	truths := t.finder(v, w.Path)
	total := map[pair]int{}
	for i := range c.frames {
		if p, _, ok := pairOf(&c.frames[i].seg); ok && !c.frames[i].seg.has(rst) {
			total[p]++
		}
	}
	for i := range c.frames {
		f := &c.frames[i]
		p, fromClient, ok := pairOf(&f.seg)
		if !ok || !f.tcp {
			if f.tcp && f.seg.has(rst) {
				rec.Unknown = append(rec.Unknown, i+1)
			}
			continue
		}
		s := pairs[p]
		if s == nil {
			s = &seen{}
			pairs[p] = s
		}
		if f.seg.has(syn) {
			if fromClient && !f.seg.has(ack) && f.seg.seq != s.isn {
				s.isn, s.resets = f.seg.seq, 0
			}
			s.syn = true
		}
		if !f.seg.has(rst) {
			continue
		}
		s.resets++
		o := truths.find(f)
		if o == nil || o.facts.By == Reject && !rejecting[o.facts.Kind] {
			rec.Unknown = append(rec.Unknown, i+1)
			continue
		}
		n, _ := talkOf(p.client)
		rec.Resets = append(rec.Resets, Reset{
			Frame: i + 1, Talk: n, Facts: o.facts, View: View{SYN: s.syn, Alone: total[p] == 0, First: s.resets == 1},
		})
	}
	return rec
}

// write puts a capture and its truth into dir.
func write(dir, name string, c *capture, rec *Record) error {
	if err := os.WriteFile(filepath.Join(dir, name+".pcap"), c.bytes(), 0o666); err != nil {
		return err
	}
	b, err := json.MarshalIndent(rec, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".json"), append(b, '\n'), 0o666)
}
