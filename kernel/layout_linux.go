package kernel

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// layout is where the running kernel keeps what the program reads, in octets
// from the start of each structure, and what its reasons are called. All of it
// differs between kernels, so all of it comes from the kernel's own BTF.
type layout struct {
	skHead, skNetwork, skTransport, skDev int32 // struct sk_buff

	family, state, sport, dport int32 // struct inet_sock
	saddr4, daddr4              int32
	saddr6, daddr6              int32 // valid with ipv6
	ipv6                        bool
	sockNet, devNet, inum       int32
	rcvNxt, copiedSeq           int32 // struct tcp_sock
	flags, lingerTime           int32
	lingerTimeLen               int32
	lingerFlag, doneFlag        uint  // bits of flags
	taskFlags, taskSignal       int32 // struct task_struct
	exitCode                    int32 // struct signal_struct

	reasons map[uint32]string
}

// readLayout resolves the layout from spec. The error matches ErrUnsupported
// when the tracepoint or its reason is missing.
func readLayout(spec *btf.Spec) (*layout, error) {
	reasons, err := resetReasons(spec)
	if err != nil {
		return nil, err
	}
	l := &layout{reasons: reasons}
	for _, f := range []struct {
		to   *int32
		typ  string
		path string
	}{
		{&l.skHead, "sk_buff", "head"},
		{&l.skNetwork, "sk_buff", "network_header"},
		{&l.skTransport, "sk_buff", "transport_header"},
		{&l.skDev, "sk_buff", "dev"},
		{&l.family, "sock", "__sk_common.skc_family"},
		{&l.state, "sock", "__sk_common.skc_state"},
		{&l.dport, "sock", "__sk_common.skc_dport"},
		{&l.saddr4, "sock", "__sk_common.skc_rcv_saddr"},
		{&l.daddr4, "sock", "__sk_common.skc_daddr"},
		{&l.sockNet, "sock", "__sk_common.skc_net.net"},
		// Not skc_num: close(2) gives an ephemeral port back, and clears
		// skc_num, before the reset is sent.
		{&l.sport, "inet_sock", "inet_sport"},
		{&l.devNet, "net_device", "nd_net.net"},
		{&l.inum, "net", "ns.inum"},
		{&l.rcvNxt, "tcp_sock", "rcv_nxt"},
		{&l.copiedSeq, "tcp_sock", "copied_seq"},
		{&l.flags, "sock", "__sk_common.skc_flags"},
		{&l.lingerTime, "sock", "sk_lingertime"},
		{&l.taskFlags, "task_struct", "flags"},
		{&l.taskSignal, "task_struct", "signal"},
		{&l.exitCode, "signal_struct", "group_exit_code"},
	} {
		if *f.to, err = offsetOf(spec, f.typ, f.path); err != nil {
			return nil, err
		}
	}
	bits, err := flagBits(spec, "SOCK_LINGER", "SOCK_DONE")
	if err != nil {
		return nil, err
	}
	l.lingerFlag, l.doneFlag = bits[0], bits[1]
	if l.lingerTimeLen, err = lingerTimeSize(spec); err != nil {
		return nil, err
	}
	// A kernel without IPv6 has no such members.
	var err6 error
	if l.saddr6, err6 = offsetOf(spec, "sock", "__sk_common.skc_v6_rcv_saddr"); err6 == nil {
		l.daddr6, err6 = offsetOf(spec, "sock", "__sk_common.skc_v6_daddr")
	}
	l.ipv6 = err6 == nil
	return l, nil
}

// flagBits returns which bits of sk_flags have the names given.
func flagBits(spec *btf.Spec, names ...string) ([]uint, error) {
	var flags *btf.Enum
	if err := spec.TypeByName("sock_flags", &flags); err != nil {
		return nil, fmt.Errorf("kernel: enum sock_flags: %w", err)
	}
	var bits []uint
	for _, name := range names {
		i := slices.IndexFunc(flags.Values, func(v btf.EnumValue) bool { return v.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("kernel: enum sock_flags has no %s: %w", name, errors.ErrUnsupported)
		}
		bits = append(bits, uint(flags.Values[i].Value))
	}
	return bits, nil
}

// lingerTimeSize returns how many octets the time of SO_LINGER takes.
func lingerTimeSize(spec *btf.Spec) (int32, error) {
	var s *btf.Struct
	if err := spec.TypeByName("sock", &s); err != nil {
		return 0, fmt.Errorf("kernel: struct sock: %w", err)
	}
	t, _, ok := member(s, "sk_lingertime")
	if !ok {
		return 0, fmt.Errorf("kernel: struct sock has no sk_lingertime: %w", errors.ErrUnsupported)
	}
	n, err := btf.Sizeof(t)
	if err == nil && n > 8 {
		err = fmt.Errorf("%d octets: %w", n, errors.ErrUnsupported)
	}
	if err != nil {
		return 0, fmt.Errorf("kernel: sk_lingertime: %w", err)
	}
	return int32(n), nil
}

// resetReasons checks that the tracepoint is there and has the arguments sk,
// skb and reason, and returns the names of the reasons.
func resetReasons(spec *btf.Spec) (map[uint32]string, error) {
	var td *btf.Typedef
	if err := spec.TypeByName("btf_trace_tcp_send_reset", &td); err != nil {
		if errors.Is(err, btf.ErrNotFound) {
			return nil, fmt.Errorf("%w (no tracepoint tcp_send_reset)", ErrUnsupported)
		}
		return nil, fmt.Errorf("kernel: looking for tcp_send_reset: %w", err)
	}
	ptr, ok := btf.UnderlyingType(td).(*btf.Pointer)
	if !ok {
		return nil, fmt.Errorf("%w (tcp_send_reset is a %v)", ErrUnsupported, td.Type)
	}
	proto, ok := ptr.Target.(*btf.FuncProto)
	if !ok || len(proto.Params) != 4 { // the first belongs to the tracing machinery
		return nil, fmt.Errorf("%w (tcp_send_reset carries no reason)", ErrUnsupported)
	}
	enum, ok := btf.UnderlyingType(proto.Params[3].Type).(*btf.Enum)
	if !ok {
		return nil, fmt.Errorf("%w (tcp_send_reset carries no reason)", ErrUnsupported)
	}
	names := make(map[uint32]string, len(enum.Values))
	for _, v := range enum.Values {
		names[uint32(v.Value)] = strings.TrimPrefix(v.Name, "SK_RST_REASON_")
	}
	return names, nil
}

// offsetOf returns where path, member names with dots between, lies in the
// structure typ.
func offsetOf(spec *btf.Spec, typ, path string) (int32, error) {
	var s *btf.Struct
	if err := spec.TypeByName(typ, &s); err != nil {
		return 0, fmt.Errorf("kernel: struct %s: %w", typ, err)
	}
	var at btf.Type = s
	var sum uint32
	for _, name := range strings.Split(path, ".") {
		m, off, ok := member(at, name)
		if !ok {
			return 0, fmt.Errorf("kernel: struct %s has no member %s: %w", typ, path, errors.ErrUnsupported)
		}
		sum += off
		at = m
	}
	return int32(sum), nil
}

// member finds name in the structure or union t, also inside its anonymous
// members, and returns its type and its offset in octets.
func member(t btf.Type, name string) (btf.Type, uint32, bool) {
	var members []btf.Member
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	}
	for _, m := range members {
		if m.Name == name {
			return m.Type, m.Offset.Bytes(), true
		}
		if m.Name == "" {
			if typ, off, ok := member(m.Type, name); ok {
				return typ, m.Offset.Bytes() + off, true
			}
		}
	}
	return nil, 0, false
}
