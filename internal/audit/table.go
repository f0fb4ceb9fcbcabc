package audit

import "github.com/rstwhy/rstwhy/packet"

// auditors are the audits of facts by their names.
var auditors = map[string]auditor{
	// What comes after a RST.
	"rst_to_sender_spoke":   spokeLast,
	"receiver_after_rst":    exactly(receiverAfter),
	"rst_to_receiver_after": exactlyAfter(receiverAfter),
	"denying_rst":           func(v *view, value int64) Answer { h := v.header(value); return answer(h != nil && denies(v, h)) },
	"syn_again":             exactly(synsAgain),
	"rst_to_syn_again":      exactlyAfter(synsAgain),
	"syns_again":            timesAgain,
	"taken_rst":             taken,
	"near_copy":             nearCopy,
	"rst_from_near_copy":    fromNearCopy,
	"loop_rounds":           loopRounds,
	"loop_pace":             loopPace,
	"loop_last":             loopLast,
	"loop_at":               place(true, func(v *view, _ numbersOf) packet.Seq { return v.rst.Seq }),
	"loop_asks":             place(true, func(_ *view, at numbersOf) packet.Seq { return at.ack }),
	"loop_receiver_at":      place(false, func(_ *view, at numbersOf) packet.Seq { return at.seq }),

	// What it is held against.
	"client_syn_ttl": func(v *view, value int64) Answer {
		ttl := func(_ *view, h *packet.Header) int64 { return int64(h.TTL) }
		if l := v.of(v.pre, v.client, has(packet.SYN)); len(l) > 0 && int64(l[0].TTL) == value {
			return True
		}
		return v.someOther(v.client, has(packet.SYN), ttl, value)
	},
	"refusal_number":  field(func(h *packet.Header) int64 { return int64(h.Seq) }),
	"syn_to_bare_rst": latestOf(byClient, bareSYN, toRST),
	"rst_ticks_ahead": latestOf(bySender, func(h *packet.Header) bool { return h.Options.Has(packet.OptTimestamps) && h.Flags&packet.RST == 0 },
		func(v *view, h *packet.Header) int64 { return int64(int32(v.rst.TSVal - h.TSVal)) }),
	"sender_latest_to_rst":     latestOf(bySender, none(packet.RST), toRST),
	"unacknowledged_of_lost":   unacknowledgedOf,
	"receiver_message_missing": messageMissing,
	"closing_response":         closingResponse,

	// The RST itself.
	"rst":           field(func(h *packet.Header) int64 { return int64(h.Ref()) }),
	"rst_flags":     field(func(h *packet.Header) int64 { return int64(h.Flags) }),
	"rst_window":    field(func(h *packet.Header) int64 { return int64(h.Window) }),
	"rst_ttl":       field(func(h *packet.Header) int64 { return int64(h.TTL) }),
	"rst_ip_id":     field(func(h *packet.Header) int64 { return int64(h.IPID) }),
	"rst_mp_reason": field(func(h *packet.Header) int64 { return int64(h.MPReason) }),
	"rst_hops": func(v *view, value int64) Answer {
		for _, from := range []int64{32, 64, 128, 255} {
			if from-int64(v.rst.TTL) == value {
				return True
			}
		}
		return False
	},
	"rst_diagnostic_reason": undecidable, // of the payload only the first octets are kept
	"rst_seq_from_sender":   fromSender,
	"rst_seq_from_syn": rstSeqLess(func(v *view) (packet.Seq, bool) {
		l := senderSYN(v)
		if len(l) == 0 {
			return 0, false
		}
		return l[0].Seq + 1, true
	}),
	"rst_ack_from_accepted":   numbers(func(v *view) (packet.Seq, packet.Seq, bool) { b, ok := highestAck(v, true); return v.rst.Ack, b, ok }),
	"rst_beyond_sender":       rstSeqLess(ends(true)),
	"rst_seq_from_receiver":   rstSeqLess(acks(false)),
	"rst_seq_before_receiver": numbers(func(v *view) (packet.Seq, packet.Seq, bool) { a, ok := highestAck(v, false); return a, v.rst.Seq, ok }),
	"rst_ack_from_receiver":   numbers(func(v *view) (packet.Seq, packet.Seq, bool) { b, ok := highestEnd(v, false); return v.rst.Ack, b, ok }),
	"rst_seq_beyond_window":   beyondWindow(false),
	"rst_ack_beyond_window":   beyondWindow(true),
	"rst_seq_before_stream":   beforeStream(true),
	"rst_ack_before_stream":   beforeStream(false),
	"rst_ticks_behind": func(v *view, value int64) Answer {
		l := v.of(v.pre, true, func(h *packet.Header) bool { return h.Options&packet.OptTimestamps != 0 && h.Flags&packet.RST == 0 })
		if len(l) == 0 {
			return Undecidable
		}
		return answer(int64(int32(l[len(l)-1].TSVal-v.rst.TSVal)) == value)
	},
	"server_port": func(v *view, value int64) Answer { _, port := v.server(); return answer(int64(port) == value) },

	// What it answers.
	"trigger": func(v *view, value int64) Answer {
		h := v.header(value)
		if value == 0 {
			return Undecidable
		}
		return answer(h != nil && tupleOf(h) == tupleOf(v.rst) && !v.fromSender(h) && h.Flags&packet.RST == 0 && (answers(v.rst, h) || v.ownNumber()))
	},
	"trigger_len":          ofTrigger(func(_ *view, t *packet.Header) int64 { return int64(t.Len) }),
	"trigger_flags":        ofTrigger(func(_ *view, t *packet.Header) int64 { return int64(t.Flags) }),
	"trigger_window":       ofTrigger(func(_ *view, t *packet.Header) int64 { return int64(t.Window) }),
	"trigger_ts_echo":      ofTrigger(func(_ *view, t *packet.Header) int64 { return int64(t.TSEcr) }),
	"trigger_ack_from_isn": ofTrigger(func(v *view, t *packet.Header) int64 { return ackFromISN(v, t) }),
	"answer_time":          ofTrigger(func(v *view, t *packet.Header) int64 { return v.rst.Time - t.Time }),
	"refused_again":        atMost(refusedAgain),
	"trigger_to_rst":       span(theTrigger, theRST),

	// The handshake.
	"sender_syn":   first(senderSYN),
	"receiver_syn": first(receiverSYN),
	"client_syn":   first(clientSYN),
	"client_syn_window": count(func(v *view) int64 {
		return fieldOf(headOf(clientSYN)(v), func(h *packet.Header) int64 { return int64(h.Window) })
	}),
	"sender_syns":         count(func(v *view) int64 { return int64(len(senderSYN(v))) }),
	"receiver_syns":       count(func(v *view) int64 { return int64(len(receiverSYN(v))) }),
	"client_syns":         count(func(v *view) int64 { return int64(len(clientSYN(v))) }),
	"syn_to_trigger":      span(headOf(senderSYN), theTrigger),
	"sender_syn_to_rst":   span(headOf(senderSYN), theRST),
	"receiver_syn_to_rst": span(headOf(receiverSYN), theRST),
	"receiver_ack_to_rst": span(headOf(pre(false, plainAck)), theRST),
	"syn_data_taken":      numbers(synDataTaken),
	"syn_ts_first":        count(func(v *view) int64 { return fieldOf(headOf(senderSYN)(v), tsval) }),
	"syn_ts_latest":       count(func(v *view) int64 { return fieldOf(tailOf(senderSYN)(v), tsval) }),
	"syn_to_synack":       span(headOf(clientSYN), headOf(serverSYN)),
	"synack_to_rst":       span(headOf(serverSYN), theRST),
	"syn_to_rst":          span(headOf(clientSYN), theRST),
	"rtt_server_side":     undecidable, // of several SYNs either may be the one that was answered
	"rtt_client_side":     span(headOf(serverSYN), headOf(either(preAll, plainAck))),
	"prior_to_trigger":    undecidable, // what came before is another connection
	"prior_to_syn":        undecidable,
	"syn_beyond_prior":    undecidable,
	"syn_in_prior_window": undecidable,

	// The streams.
	"sender_latest":       last(pre(true, none(packet.RST))),
	"receiver_latest":     last(pre(false, none(packet.RST))),
	"sender_data":         last(freshOf(true)),
	"receiver_data":       last(freshOf(false)),
	"sender_latest_data":  last(pre(true, func(h *packet.Header) bool { return h.Len > 0 })),
	"sender_unanswered":   count(unanswered(true)),
	"receiver_unanswered": count(unanswered(false)),
	"receiver_bytes":      count(func(v *view) int64 { _, n := v.fresh(false); return sum(n) }),
	"both_bytes":          count(func(v *view) int64 { _, a := v.fresh(false); _, b := v.fresh(true); return sum(a) + sum(b) }),
	"received":            received,
	"unread_at_most":      atMost(unanswered(false)),
	"undelivered":         undelivered,
	"segments":            count(func(v *view) int64 { return int64(len(v.pre)) }),
	"sender_segments":     count(func(v *view) int64 { return int64(len(v.of(v.pre, true, none(packet.RST)))) }),
	"sender_retransmissions": atMost(func(v *view) int64 {
		return int64(len(v.of(v.pre, true, func(h *packet.Header) bool { return h.SeqLen() > 0 }))) - 1
	}),
	"sender_retransmissions_unanswered":   atMost(func(v *view) int64 { return runLength(v, true) }),
	"receiver_retransmissions_unanswered": atMost(func(v *view) int64 { return runLength(v, false) }),
	"receiver_tries_unanswered":           atMost(func(v *view) int64 { return runLength(v, false) }),
	"retransmitting_for":                  inRun(true),
	"silence_before_retransmission":       undecidable, // which of several was the first repetition is the question itself
	"probes":                              atMost(func(v *view) int64 { return runLength(v, true) }),
	"probing_for":                         inRun(true),
	"last_probe_to_rst":                   inRun(true),
	"probe_interval":                      undecidable,
	"silence_before_probe":                undecidable,
	"sender_rst": that(func(v *view, h *packet.Header) bool {
		return h.Flags&packet.RST != 0 && v.fromSender(h) && !after(v, h, v.rst)
	}),
	"receiver_rst": that(func(v *view, h *packet.Header) bool {
		return h.Flags&packet.RST != 0 && !v.fromSender(h) && !after(v, h, v.rst)
	}),
	"sender_rst_to_rst":    sinceRST(true),
	"receiver_rst_to_rst":  sinceRST(false),
	"window_room":          undecidable, // depends on window scaling
	"unacknowledged":       numbersAtLeastZero(func(v *view) (packet.Seq, packet.Seq, bool) { a, ok := highestEnd(v, false); return a, v.rst.Ack, ok }),
	"longest_unread":       undecidable, // a record's length counts where it is more
	"sender_data_to_rst":   span(tailOf(freshOf(true)), theRST),
	"receiver_data_to_rst": span(tailOf(freshOf(false)), theRST),
	"idle_before":          idle,
	"lifetime":             span(headOf(preAll), theRST),

	// The close.
	"sender_fin":      first(senderFIN),
	"receiver_fin":    first(receiverFIN),
	"fin_to_rst":      span(headOf(senderFIN), theRST),
	"fin_to_trigger":  span(headOf(senderFIN), theTrigger),
	"fin_to_answered": span(headOf(senderFIN), theTrigger),
	"data_to_fin":     span(tailOf(freshOf(true)), headOf(senderFIN)),
	"idle_before_fin": undecidable, // the late data itself is left out of it
	"late":            lateOctets,
	"late_segment":    that(func(v *view, h *packet.Header) bool { return !v.fromSender(h) && h.Len > 0 }),
	"fin_to_late":     undecidable, // see late_segment and sender_fin
	"late_to_rst":     undecidable,
	"late_to_fin":     undecidable,

	// What came after.
	"retried_syn":          first(post(true, none(packet.RST))),
	"rst_to_retried_syn":   span(theRST, headOf(post(true, none(packet.RST)))),
	"syn_ack_after":        first(either(postAll, has(packet.SYN|packet.ACK))),
	"rst_to_syn_ack_after": span(theRST, headOf(either(postAll, has(packet.SYN|packet.ACK)))),
	"new_syn":              that(func(v *view, h *packet.Header) bool { return h.Flags&packet.SYN != 0 && after(v, h, v.rst) }),
	"challenge_ack": that(func(v *view, h *packet.Header) bool {
		return !v.fromSender(h) && h.Len == 0 && h.Flags&packet.ACK != 0 && h.Flags&(packet.SYN|packet.FIN|packet.RST) == 0 && after(v, h, v.rst)
	}),
	"carried_on":     wentOn,
	"went_on":        wentOn,
	"rst_to_went_on": undecidable, // see went_on
	"bytes_after":    atMost(func(v *view) int64 { return payload(v.of(v.post, false, nil)) }),
	"further_rsts":   atMost(func(v *view) int64 { return int64(len(furtherRSTs(v))) }),
	"resets_of_data": atMost(func(v *view) int64 { return int64(len(v.of(v.post, true, has(packet.RST)))) }),
	"passed_on": that(func(v *view, h *packet.Header) bool {
		return h.Flags&packet.RST != 0 && v.fromSender(h) && after(v, h, v.rst)
	}),
	"other_end_rst": that(func(v *view, h *packet.Header) bool {
		return h.Flags&packet.RST != 0 && !v.fromSender(h) && after(v, h, v.rst)
	}),
	"rst_to_other_end_rst": undecidable,
	"guesses":              atMost(func(v *view) int64 { return 1 + int64(len(v.of(v.post, true, has(packet.RST)))) }),
	"guess_stride":         undecidable,
	"guesses_span":         undecidable,
	"second_answer": that(func(v *view, h *packet.Header) bool {
		return h.Flags&packet.RST != 0 && v.fromSender(h) && after(v, h, v.rst)
	}),
	"second_answered": that(func(v *view, h *packet.Header) bool {
		return !v.fromSender(h) && h.Len > 0 && !v.rst.Ack.Less(h.Seq.Add(h.Len))
	}),
	"rst_to_second_answer": undecidable,
	"stepped_rsts":         atMost(func(v *view) int64 { return 1 + int64(len(v.of(v.post, true, has(packet.RST)))) }),
	"window_step":          undecidable,
	"ttl_step":             undecidable,
	"far_copy": that(func(v *view, h *packet.Header) bool {
		return h.Flags&packet.RST != 0 && v.fromSender(h) && v.rst.Seq.Less(h.Seq)
	}),
	"far_copy_from_rst":    undecidable,
	"towards_other":        that(func(v *view, h *packet.Header) bool { return h.Flags&packet.RST != 0 && !v.fromSender(h) }),
	"rst_to_towards_other": undecidable,
	"copied": that(func(v *view, h *packet.Header) bool {
		return !v.fromSender(h) && (h.Window == v.rst.Window || h.IPID == v.rst.IPID)
	}),
	"acknowledged_data":        that(func(v *view, h *packet.Header) bool { return !v.fromSender(h) && h.Len > 0 && h.End() == v.rst.Ack }),
	"acknowledged_data_to_rst": undecidable,

	// Where it came from.
	"sender_ttl":       shownTTL,
	"sender_ttl_least": count(func(v *view) int64 { lo, _ := ttls(v, false); return lo }),
	"sender_ttl_most":  count(func(v *view) int64 { _, hi := ttls(v, false); return hi }),
	"host_ttl_least":   hostTTL,
	"host_ttl_most":    hostTTL,
	"sender_hops":      undecidable, // see rst_hops
	"sender_ip_id":     count(func(v *view) int64 { return lastID(v) }),
	"sender_window": count(func(v *view) int64 {
		return fieldOf(tailOf(pre(true, none(packet.RST)))(v), func(h *packet.Header) int64 { return int64(h.Window) })
	}),
	"half_path": undecidable,

	// Other connections.
	"refusals":         refusals,
	"opened_to_rst":    opened(false),
	"rst_to_reopened":  opened(true),
	"fruitless_others": undecidable, // estimated, and forgotten
	"targets":          undecidable,
	"beats":            beats,
	"beat":             undecidable,
	"beat_spread":      undecidable,
	"burst":            burst,
	"burst_span":       undecidable,
	"burst_fell":       atMost(burstFell),
	"burst_moved":      burst,
	"elsewhere_ttl":    elsewhereTTL,
	"elsewhere_hops":   undecidable,

	// What the payload says.
	"sender_status":          undecidable, // HTTP is read nowhere else
	"sender_alert":           lastRecordIs(true, 6),
	"sender_record_length":   undecidable,
	"receiver_record_kind":   undecidable,
	"receiver_record_length": undecidable,
	"receiver_record_whole":  undecidable,

	// What it cost: no more than was sent.
	"lost":      atMostSent,
	"harmed":    atMostSent,
	"delivered": atMostSent,

	// What is measured against the stream, or only other connections show.
	"trigger_offset": triggerOffset,
	"late_unseen":    lateUnseen,
	"since_data":     sinceData,
	"repeats":        repeats,
	"deaf_for":       deafFor,
	"untaken": numbersAtLeastZero(func(v *view) (packet.Seq, packet.Seq, bool) {
		a, ok := highestEnd(v, false)
		b, acked := highestAck(v, true)
		return a, b, ok && acked
	}),
	"host_hops":        hostHops,
	"unlike":           unlike,
	"kin":              kin,
	"asks":             asks,
	"client_rtt":       shortestTrip(true),
	"server_rtt":       shortestTrip(false),
	"conversed_to_rst": conversed(false),
	"rst_to_conversed": conversed(true),
	"pause_survived":   pauseOf(true),
	"pause_fatal":      pauseOf(false),
	"survivals":        pausesCounted(true),
	"fatalities":       pausesCounted(false),
	"leg_syn":          legSYN,
	"leg_rst":          legRST,
	"left":             departure,
	"left_to_rst":      departureToRST,
}
