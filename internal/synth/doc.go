// Package synth makes captures: from a short text that shows a conversation
// segment by segment, and from a seed when a test needs a lot of traffic.
// Everything it makes is deterministic, with right lengths and checksums.
//
// # Scenarios
//
// A scenario is a txtar archive. The text before the first section says what
// happens; the section "packets" holds the segments, one a line, in the
// notation of packetdrill and tcpdump. Other sections are kept for whoever
// wants them.
//
//	A SYN meets a host with no listener.
//	-- packets --
//	+0      C > S  S  0:0(0) win 64240 ttl 64 <mss 1460,sackOK,nop,wscale 7>
//	+.00008 S > C  R. 0:0(0) ack 1 win 0 ttl 64
//
// What follows is the whole vocabulary. Numbers are decimal, or hexadecimal
// with 0x. A # outside a quotation begins a comment that runs to the end of
// the line.
//
// Lines that declare something, valid from there on:
//
//	C = 192.0.2.1:40000     an endpoint: a name, an IPv4 or IPv6 address, and a
//	M = [2001:db8::7]:443   port unless every use names one. C and S are there
//	                        from the start: 192.0.2.1:40000, 198.51.100.1:80
//	isn C 0xfffffff0        initial sequence number of C in its connections that
//	                        begin from here; otherwise one drawn from addresses,
//	                        ports and incarnation, far from a wrap
//	ttl S 52                TTL or hop limit of what S sends; 64 otherwise
//	start 2024-05-01T08:00:00Z  time of the first line
//	repeat 100 +.001        run the lines up to "end" 100 times, a run beginning
//	end                     .001 s after the one before; {i} is the number of the
//	                        run from 0, {40000+i} the sum
//
// A segment is a time, two endpoints, flags and sequence numbers, in this order:
//
//	+.00008                 seconds after the line before; the first is after start
//	C > S                   from C to S; C:40001 is C with another port
//	S F R P . W E U         flags, several together; the dot is ACK; - is no flag
//	1:101(100)              first sequence number, the one after the payload, and
//	                        length; relative to the sender's ISN: the SYN is 0:0(0),
//	                        the first octet of data is 1. Without payload text the
//	                        length is filled with letters
//	1                       the same without payload, or with the length of its text
//	seq=0x1f2e(100)         absolute number (and length)
//
// A R. from a side that has sent nothing, with sequence number 0, carries the
// absolute number 0, as RFC 9293 3.10.7.1 has it.
//
// After these, in any order:
//
//	ack 101                 acknowledgment number relative to the peer's ISN; needed
//	                        with the ACK flag, and without it fills the field
//	ack=0x1f2e              absolute acknowledgment number
//	win 502                 window as sent; needed on R., where 0 tells a reply from
//	                        an abort. Otherwise SYN 64240, SYN/ACK 65160, R 0, rest 502
//	ttl 63                  TTL or hop limit
//	tos 0x10                TOS or traffic class, with ECN; 0 otherwise
//	id 4711                 IPv4 identification. Otherwise as Linux: 0 on SYN/ACK, on R
//	                        and on R. with window 0, else the sender's counter
//	df, nodf                IPv4 Don't Fragment; on otherwise
//	label 0x1234            IPv6 flow label; otherwise one of the sender's connection
//	reserved 15             the four reserved bits; 1 is AE
//	isn 4711                on a SYN: the sender's ISN. When the sender has sent in
//	                        this connection before, a new incarnation begins
//	<mss 1460,nop>          TCP options, see below
//	"GET / HTTP/1.1\r\n"    payload, quoted as in Go
//	x"15030300"             payload in hexadecimal
//	drop                    it was sent, but the capture does not have it
//	dup                     the capture has it twice, as from two taps
//	badsum                  the TCP checksum is wrong
//
// Options, separated by commas, encoded in the order given and padded with
// end-of-list:
//
//	mss 1460                kind 2
//	nop, eol                kinds 1 and 0
//	wscale 7                kind 3
//	sackOK                  kind 4
//	sack 1:100 200:300      kind 5, relative to the peer's ISN
//	TS, TS val 100 ecr 0    kind 8; without numbers, a clock of 1 ms and the peer's last
//	md5                     kind 19, with a digest of zeros
//	ao                      kind 29, with a code of zeros
//	mp-capable              kind 30, subtype 0
//	fastclose               kind 30, subtype 7
//	mptcp-rst 3             kind 30, subtype 8, with the reason
//	raw 1e048f03            octets
//	noTS                    no automatic timestamps, below
//
// Once both SYNs of a connection carried TS (or the one SYN that was written
// did), every later segment but a RST begins with nop,nop,TS unless its options
// have TS or noTS. A RST has the options that are written and no others.
//
// # Traffic
//
// Generate writes whole captures of ordinary conversations with some resets
// among them, as large as wanted, in bounded memory: see Profile.
package synth
