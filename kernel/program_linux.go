package kernel

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// The record that the program hands over, in octets from its start. Numbers are
// in the host's byte order, ports and addresses as on the wire.
const (
	recTime     = 0   // 8: CLOCK_MONOTONIC, ns
	recReason   = 8   // 4
	recNetns    = 12  // 4
	recActive   = 16  // 1
	recState    = 17  // 1: sk_state, 0 without a socket
	recIPv6     = 18  // 1: the addresses take 16 octets, else 4
	recSport    = 20  // 2
	recDport    = 22  // 2
	recSender   = 24  // 16
	recReceiver = 40  // 16
	recRcvNxt   = 56  // 4: the next four of an abort only
	recCopied   = 60  // 4: copied_seq
	recFlags    = 64  // 8: sk_flags
	recLinger   = 72  // 8: sk_lingertime, in its first octets
	recPid      = 80  // 8: the process that ran, above it its thread; the next four of an abort only
	recComm     = 88  // 16: its name
	recTask     = 104 // 4: its flags
	recExit     = 108 // 4: what ends its group of threads, as of wait(2)
	recLen      = 112
)

// noWakeUp is BPF_RB_NO_WAKEUP: who reads comes by itself, see Tracer. To wake it for each
// event took 18 of the 19 us that one cost.
const noWakeUp = 1

// Below the record the stack holds one pointer or number while it is needed.
const scratch = 8

// program assembles the body of the raw tracepoint tcp_send_reset(sk, skb,
// reason). It fills the record on its stack and hands it to the ring buffer
// events; when that is full it counts in the first slot of lost. Every read
// goes through bpf_probe_read_kernel, which yields zeros for a bad address.
func program(l *layout, events, lost int) asm.Instructions {
	const (
		sk   = asm.R6
		skb  = asm.R7
		head = asm.R8
		hdr  = asm.R9
	)
	p := &assembler{}

	p.add(
		asm.LoadMem(skb, asm.R1, 8, asm.DWord),
		asm.LoadMem(asm.R3, asm.R1, 16, asm.DWord),
		asm.LoadMem(sk, asm.R1, 0, asm.DWord),
	)
	p.add(asm.Mov.Imm(asm.R2, 0))
	for off := int16(8); off <= recLen+scratch; off += 8 {
		p.add(asm.StoreMem(asm.RFP, -off, asm.R2, asm.DWord))
	}
	p.add(
		asm.StoreMem(asm.RFP, at(recReason), asm.R3, asm.Word),
		asm.FnKtimeGetNs.Call(),
		asm.StoreMem(asm.RFP, at(recTime), asm.R0, asm.DWord),
	)

	// State and namespace: from the socket where there is one. A segment that
	// waited in a socket's backlog has lost its device.
	p.add(asm.JEq.Imm(sk, 0, "no_socket"))
	p.read(at(recState), 1, sk, l.state)
	p.read(-recLen-scratch, 8, sk, l.sockNet)
	p.add(asm.Ja.Label("netns"))
	p.label("no_socket")
	p.add(asm.JEq.Imm(skb, 0, "addresses"))
	p.read(-recLen-scratch, 8, skb, l.skDev)
	p.add(asm.LoadMem(asm.R3, asm.RFP, -recLen-scratch, asm.DWord))
	p.read(-recLen-scratch, 8, asm.R3, l.devNet)
	p.label("netns")
	p.add(asm.LoadMem(asm.R3, asm.RFP, -recLen-scratch, asm.DWord))
	p.read(at(recNetns), 4, asm.R3, l.inum)

	p.label("addresses")
	p.add(asm.JNE.Imm(skb, 0, "reply"))

	// An abort has no segment, so the socket names both ends.
	p.add(asm.StoreImm(asm.RFP, at(recActive), 1, asm.Byte))
	p.read(at(recRcvNxt), 4, sk, l.rcvNxt)
	p.read(at(recCopied), 4, sk, l.copiedSeq)
	p.read(at(recFlags), 8, sk, l.flags)
	p.read(at(recLinger), l.lingerTimeLen, sk, l.lingerTime)
	p.add(
		asm.FnGetCurrentPidTgid.Call(),
		asm.StoreMem(asm.RFP, at(recPid), asm.R0, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.RFP),
		asm.Add.Imm(asm.R1, int32(at(recComm))),
		asm.Mov.Imm(asm.R2, commLen),
		asm.FnGetCurrentComm.Call(),
		asm.FnGetCurrentTask.Call(),
		asm.Mov.Reg(head, asm.R0),
	)
	p.read(at(recTask), 4, head, l.taskFlags)
	p.read(-recLen-scratch, 8, head, l.taskSignal)
	p.add(asm.LoadMem(asm.R3, asm.RFP, -recLen-scratch, asm.DWord))
	p.read(at(recExit), 4, asm.R3, l.exitCode)
	p.read(at(recSport), 2, sk, l.sport)
	p.read(at(recDport), 2, sk, l.dport)
	p.read(-recLen-scratch, 2, sk, l.family)
	p.add(
		asm.LoadMem(asm.R3, asm.RFP, -recLen-scratch, asm.Half),
		asm.JEq.Imm(asm.R3, unix.AF_INET6, "abort6"),
	)
	p.read(at(recSender), 4, sk, l.saddr4)
	p.read(at(recReceiver), 4, sk, l.daddr4)
	p.add(asm.Ja.Label("output"))
	p.label("abort6")
	if l.ipv6 {
		p.add(asm.StoreImm(asm.RFP, at(recIPv6), 1, asm.Byte))
		p.read(at(recSender), 16, sk, l.saddr6)
		p.read(at(recReceiver), 16, sk, l.daddr6)
	}
	p.add(asm.Ja.Label("output"))

	// A reply goes back to where its segment came from. The socket would not
	// do: a listener's is bound to no peer.
	p.label("reply")
	p.read(-recLen-scratch, 8, skb, l.skHead)
	p.add(asm.LoadMem(head, asm.RFP, -recLen-scratch, asm.DWord))
	p.header(hdr, head, skb, l.skTransport)
	p.read(at(recDport), 2, hdr, 0)
	p.read(at(recSport), 2, hdr, 2)
	p.header(hdr, head, skb, l.skNetwork)
	p.read(-recLen-scratch, 1, hdr, 0)
	p.add(
		asm.LoadMem(asm.R3, asm.RFP, -recLen-scratch, asm.Byte),
		asm.RSh.Imm(asm.R3, 4),
		asm.JEq.Imm(asm.R3, 6, "reply6"),
	)
	p.read(at(recReceiver), 4, hdr, 12)
	p.read(at(recSender), 4, hdr, 16)
	p.add(asm.Ja.Label("output"))
	p.label("reply6")
	p.add(asm.StoreImm(asm.RFP, at(recIPv6), 1, asm.Byte))
	p.read(at(recReceiver), 16, hdr, 8)
	p.read(at(recSender), 16, hdr, 24)

	p.label("output")
	p.add(
		asm.LoadMapPtr(asm.R1, events),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -recLen),
		asm.Mov.Imm(asm.R3, recLen),
		asm.Mov.Imm(asm.R4, noWakeUp),
		asm.FnRingbufOutput.Call(),
		asm.JEq.Imm(asm.R0, 0, "exit"),
		asm.StoreImm(asm.RFP, -recLen-scratch, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, lost),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -recLen-scratch),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "exit"),
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 0),
	)
	p.label("exit")
	p.add(asm.Mov.Imm(asm.R0, 0), asm.Return())
	return p.ins
}

// at is the place of a field of the record on the stack.
func at(field int16) int16 { return field - recLen }

// assembler collects instructions; label names the next one.
type assembler struct {
	ins  asm.Instructions
	next string
}

func (p *assembler) label(name string) {
	if p.next != "" {
		panic(fmt.Sprintf("kernel: label %s follows label %s at once", name, p.next))
	}
	p.next = name
}

func (p *assembler) add(ins ...asm.Instruction) {
	for _, in := range ins {
		if p.next != "" {
			in = in.WithSymbol(p.next)
			p.next = ""
		}
		p.ins = append(p.ins, in)
	}
}

// read copies size octets from offset of the kernel address in base to the
// stack at to. It leaves R6 to R9 alone.
func (p *assembler) read(to int16, size int32, base asm.Register, offset int32) {
	// R3 first: base may be R3, and is lost as soon as R1 or R2 is base.
	p.add(
		asm.Mov.Reg(asm.R3, base),
		asm.Add.Imm(asm.R3, offset),
		asm.Mov.Reg(asm.R1, asm.RFP),
		asm.Add.Imm(asm.R1, int32(to)),
		asm.Mov.Imm(asm.R2, size),
		asm.FnProbeReadKernel.Call(),
	)
}

// header puts into to the address of the header whose offset from head is the
// 16-bit member of skb at offset.
func (p *assembler) header(to, head, skb asm.Register, offset int32) {
	p.read(-recLen-scratch, 2, skb, offset)
	p.add(
		asm.LoadMem(asm.R3, asm.RFP, -recLen-scratch, asm.Half),
		asm.Mov.Reg(to, head),
		asm.Add.Reg(to, asm.R3),
	)
}
