package classify

import (
	"time"

	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// Measure names a duration of a reset.
type Measure uint8

// The measures, each from packets of the capture only.
const (
	NoMeasure Measure = iota
	SYNToSYNACK
	SYNACKToRST
	SYNToRST
	RTTServerSide // capture point to the server and back, from the handshake
	RTTClientSide // capture point to the client and back, from the handshake
	SenderDataToRST
	ReceiverDataToRST
	FINToTrigger // the sender's FIN to the segment that the RST answers
	TriggerToRST
	FINToRST
	DataToFIN     // the sender's last payload to its FIN
	IdleBeforeFIN // the last payload of either side to the sender's FIN
	IdleBefore    // the longest silence that ended with the trigger or the RST
	Lifetime      // the first segment to the RST
	NumMeasures
)

var measureNames = [NumMeasures]string{
	"", "syn_to_synack", "synack_to_rst", "syn_to_rst", "rtt_server_side", "rtt_client_side",
	"sender_data_to_rst", "receiver_data_to_rst", "fin_to_trigger", "trigger_to_rst", "fin_to_rst",
	"data_to_fin", "idle_before_fin",
	"idle_before", "lifetime",
}

var measureTitles = [NumMeasures]string{
	"", "SYN to SYN/ACK", "SYN/ACK to RST", "SYN to RST", "RTT to the server", "RTT to the client",
	"own data to RST", "peer's data to RST", "FIN to late segment", "segment to RST", "FIN to RST",
	"own data to FIN", "idle before FIN",
	"idle before", "lifetime",
}

// Name is the measure's name in JSON.
func (m Measure) Name() string { return measureNames[m] }

// Title is the measure's name for people.
func (m Measure) Title() string { return measureTitles[m] }

// timingFacts has a Fact for each measure.
var timingFacts = func() (out []*Fact) {
	for m := NoMeasure + 1; m < NumMeasures; m++ {
		out = append(out, &Fact{m.Name(), UnitDuration, m.Title() + ", negative where it was not measured", func(c *Case) int64 { return c.Timing.At[m] }})
	}
	return out
}()

// Timing holds every measure of a reset in nanoseconds; a negative value was
// not measured. Tries is how many SYNs the client sent.
type Timing struct {
	At    [NumMeasures]int64
	Tries int
}

// Has reports whether m was measured.
func (t *Timing) Has(m Measure) bool { return m != NoMeasure && t.At[m] >= 0 }

// Duration returns m, or a negative duration when it was not measured.
func (t *Timing) Duration(m Measure) time.Duration { return time.Duration(t.At[m]) }

// between sets m to the time between two frames, when there is a first. Two in
// the wrong order of the capture count as simultaneous.
func (t *Timing) between(m Measure, from, to int64) {
	if from != 0 && to-from >= -disorder {
		t.At[m] = max(0, to-from)
	}
}

var unmeasured = func() (t Timing) {
	for m := range t.At {
		t.At[m] = -1
	}
	return t
}()

// measureTiming fills in c.Timing.
func (c *Case) measureTiming() {
	t := &c.Timing
	*t = unmeasured
	client, server := c.client(), c.server()
	now := c.RST.Time
	t.Tries = int(client.SYNs)
	if client.Known.Has(flows.SawSYN) {
		t.between(SYNToRST, client.SYNFirst, now)
		if server.Known.Has(flows.SawSYN) {
			t.between(SYNToSYNACK, client.SYNFirst, server.SYNFirst)
			t.between(RTTServerSide, 1, 1+c.Flow.RTTServer())
		}
	}
	if !t.Has(SYNToRST) && c.answers(packet.SYN|packet.ACK, packet.SYN) {
		t.between(SYNToRST, c.Trigger.Time, now) // the RST was captured before its SYN
	}
	if server.Known.Has(flows.SawSYN) {
		t.between(SYNACKToRST, server.SYNFirst, now)
		if client.Known.Has(flows.SawPlainAck) {
			t.between(RTTClientSide, server.SYNFirst, client.AckFirst)
		}
	}
	if c.Sender.Known.Has(flows.SawData) {
		t.between(SenderDataToRST, c.Sender.DataLast, now)
	}
	if c.Receiver.Known.Has(flows.SawData) {
		t.between(ReceiverDataToRST, c.Receiver.DataLast, now)
	}
	if c.Trigger.Valid() {
		t.between(TriggerToRST, c.Trigger.Time, now)
	}
	if c.Sender.Known.Has(flows.SawFIN) {
		t.between(FINToRST, c.Sender.FINTime, now)
		t.between(DataToFIN, c.Sender.DataLast, c.Sender.FINTime)
		t.between(IdleBeforeFIN, c.dataBeforeFIN(), c.Sender.FINTime)
		if c.Trigger.Valid() {
			t.between(FINToTrigger, c.Sender.FINTime, c.Trigger.Time)
		}
	}
	if idle := c.idle(); idle > 0 {
		t.At[IdleBefore] = idle
	}
	if c.Flow.Start != 0 {
		t.between(Lifetime, c.Flow.Start, now)
	}
}

// idle is the silence before the exchange that ended in the RST: before the
// trigger, and its earlier tries, where there is one, else before the RST.
func (c *Case) idle() int64 {
	until := c.RST.Time
	if c.Trigger.Valid() {
		until = c.Trigger.Time
	}
	for s := range c.recent {
		if s.Time > until || c.Trigger.Valid() && s.Frame == c.Trigger.Frame {
			continue
		}
		if c.Trigger.Valid() && s.Dir == c.Trigger.Dir && s.Flags&packet.SYN == 0 &&
			s.SeqLen() > 0 && s.Seq == c.Trigger.Seq {
			until = s.Time // the same segment, tried before
			continue
		}
		return until - s.Time
	}
	return 0
}

// dataBeforeFIN is the time of the last payload before the sender's FIN, that
// of the segment that the RST answers left out: it was late, wherever the
// capture point saw it.
func (c *Case) dataBeforeFIN() int64 {
	x, y := c.Sender, c.Receiver
	at := x.DataLast
	if y.DataLast <= x.FINTime && !(c.Trigger.Valid() && c.Trigger.Len > 0 && y.DataLast >= c.Trigger.Time) {
		at = max(at, y.DataLast)
	}
	return at
}
