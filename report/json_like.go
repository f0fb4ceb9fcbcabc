package report

import (
	"encoding/binary"
	"encoding/json"
	"hash/maphash"
	"strconv"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// A scan leaves millions of harmless incidents of which one says what all say. Those
// after the first of a kind are written in short, with its number as like.

// kindsMax is how many kinds of harmless incidents are told apart; what is beyond is
// written in full.
const kindsMax = 4096

// kinds knows the first incident of each kind.
type kinds struct {
	seed  maphash.Seed
	first map[uint64]uint64
}

// like returns the number of the incident that says what i says in other numbers, 0 when
// i is the first or has to be written in full.
func (k *kinds) like(i *analyzer.Incident) uint64 {
	v := &i.Verdict
	if !benign(v) || i.Lossy || i.Kernel.Word != classify.Unasked || len(i.Reset.Payload) > 0 || !oneFile(i.Frames()) {
		return 0
	}
	if k.first == nil {
		k.first, k.seed = make(map[uint64]uint64), maphash.MakeSeed()
	}
	key := k.key(i)
	if n, ok := k.first[key]; ok {
		return n
	}
	if len(k.first) < kindsMax {
		k.first[key] = i.Number
	}
	return 0
}

func oneFile(ws []packet.FrameRef) bool {
	for _, w := range ws {
		if w.File() != ws[0].File() {
			return false
		}
	}
	return true
}

// key is of all that is said of i, without its numbers.
func (k *kinds) key(i *analyzer.Incident) uint64 {
	v := &i.Verdict
	var h maphash.Hash
	h.SetSeed(k.seed)
	said := func(of []classify.Evidence) {
		for n := range of {
			maphash.WriteComparable(&h, of[n].Sentence)
		}
		h.WriteByte(1)
	}
	var b [max(16, flows.HistoryLen+1)]byte
	maphash.WriteComparable(&h, v.Rule)
	h.Write(appendHistory(b[:0], i))
	h.WriteString(connState(i.Reset))
	h.WriteString(v.Origin.Device)
	h.WriteByte(0)
	for n := range v.Excluded {
		maphash.WriteComparable(&h, v.Excluded[n].Because.Sentence)
		h.WriteByte(byte(v.Excluded[n].Ways))
	}
	h.Write(binary.LittleEndian.AppendUint32(b[:0], uint32(v.Confidence)|uint32(v.Effect)<<8|uint32(v.Possible)<<16|uint32(i.Reset.Dir)<<24))
	h.Write(binary.LittleEndian.AppendUint32(b[:0], uint32(v.Missing)|uint32(v.Origin.Who)<<16|uint32(v.Stage)<<24))
	h.WriteByte(byte(v.Mechanism))
	said(v.Evidence)
	said(v.Origin.Proofs)
	said(v.Origin.Hints)
	for n := range v.AlsoFits {
		maphash.WriteComparable(&h, v.AlsoFits[n].Rule)
	}
	for n := range v.Unchecked {
		h.WriteString(v.Unchecked[n].ID)
		h.WriteByte(1)
	}
	return h.Sum64()
}

// inShort writes i in short: what is its own, and the incident that it is like. It is
// written without reflection, since a scan is where it matters.
func (e *encoder) inShort(b []byte, i *analyzer.Incident, like uint64) []byte {
	r, v := i.Reset, &i.Verdict
	where := r.RST.Ref()
	end := func(b []byte, d flows.Dir) []byte {
		a := r.Flow.Ends[d].AddrPort()
		b = append(b, `{"ip":"`...)
		b = append(a.Addr().AppendTo(b), `","port":`...)
		b = strconv.AppendUint(b, uint64(a.Port()), 10)
		b = append(append(b, `,"role":"`...), d.String()...)
		if b = append(b, '"'); r.Flow.RolesGuessed {
			b = append(b, `,"role_guessed":true`...)
		}
		return append(b, '}')
	}
	b = append(b, `{"type":"incident","number":`...)
	b = strconv.AppendUint(b, i.Number, 10)
	b = append(append(b, `,"id":"`...), i.ID()...)
	b = append(b, `","like":`...)
	b = strconv.AppendUint(b, like, 10)
	b = append(b, `,"frame":`...)
	b = strconv.AppendUint(b, where.Frame(), 10)
	if name := e.file(where); name != "" {
		if name != e.quotes {
			e.quotes = name
			e.quoted, _ = json.Marshal(name) // of a string it cannot fail
			e.quoted = escapeUnseen(e.quoted)
		}
		b = append(append(b, `,"file":`...), e.quoted...)
	}
	b = append(b, `,"frames":[`...)
	for k, w := range i.Frames() {
		if k > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, w.Frame(), 10)
	}
	b = append(e.times.rfc3339(append(b, `],"time":"`...), r.RST.Time), '"')
	b = append(append(append(b, `,"cause":"`...), v.Rule.ID...), '"')
	b = append(append(append(b, `,"confidence":"`...), v.Confidence.String()...), `","harmless":true`...)
	for k := range v.AlsoFits {
		if k == 0 {
			b = append(b, `,"also_fits":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(append(append(b, `{"cause":"`...), v.AlsoFits[k].Rule.ID...), `"}`...)
	}
	if len(v.AlsoFits) > 0 {
		b = append(b, ']')
	}
	b = end(append(b, `,"sender":`...), r.Dir)
	b = end(append(b, `,"receiver":`...), r.Dir.Peer())
	return append(b, '}', '\n')
}
