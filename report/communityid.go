package report

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/flows"
)

// communityID names a connection as Zeek, Suricata and Wireshark do (Community ID flow
// hashing, version 1, with the seed 0): the same for both directions.
// Source: github.com/corelight/community-id-spec.
func communityID(ends *[2]flows.Endpoint) string { return string(appendCommunityID(nil, ends)) }

func appendCommunityID(b []byte, ends *[2]flows.Endpoint) []byte {
	const tcp = 6
	one, two := ends[flows.Client].AddrPort(), ends[flows.Server].AddrPort()
	from, to := one.Addr().AsSlice(), two.Addr().AsSlice()
	if c := bytes.Compare(from, to); c > 0 || c == 0 && one.Port() > two.Port() {
		one, two, from, to = two, one, to, from
	}
	var buf [2 + 16 + 16 + 2 + 4]byte
	m := append(buf[:0], 0, 0)
	m = append(append(m, from...), to...)
	m = append(m, tcp, 0)
	m = binary.BigEndian.AppendUint16(m, one.Port())
	m = binary.BigEndian.AppendUint16(m, two.Port())
	sum := sha1.Sum(m)
	return base64.StdEncoding.AppendEncode(append(b, "1:"...), sum[:])
}

// history is that of the connection with the RST, in Zeek's letters.
func history(i *analyzer.Incident) string { return string(appendHistory(nil, i)) }

func appendHistory(b []byte, i *analyzer.Incident) []byte {
	f := &i.Reset.Flow
	b = append(b, f.Letters[:f.HistoryN]...)
	if i.Reset.Dir == flows.Client {
		return append(b, 'R')
	}
	return append(b, 'r')
}

// connState is the state that Zeek's conn.log gives to a connection that this side reset:
// base/protocols/conn/main.zeek, conn_state.
func connState(r *flows.Reset) string {
	f := &r.Flow
	peer := &f.Side[r.Dir.Peer()]
	// What Zeek calls inactive or partial.
	unseen := !peer.Spoke() || !peer.Known.Has(flows.SawSYN)
	switch {
	case r.Dir == flows.Client && unseen:
		// A SYN alone, whatever has come back.
		if h := f.History(); strings.HasPrefix(h, "S") && !strings.ContainsAny(h, "HAFG") {
			return "RSTOS0"
		}
		return "OTH"
	case r.Dir == flows.Client:
		return "RSTO"
	case f.Handshake == flows.SYNSent && !f.Side[flows.Server].Known.Has(flows.SawSYN):
		return "REJ"
	case unseen:
		return "RSTRH"
	}
	return "RSTR"
}
