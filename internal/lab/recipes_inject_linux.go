package lab

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// longPath is the link of the injectors: they sit next to the client, and the
// server is 20 ms behind them each way.
var longPath = Link{Delay: 20 * time.Millisecond}

// onRequest calls fn once, for the first segment with data from the client, and
// injects what it returns.
func (e *Env) onRequest(fn func(Segment) []Segment) {
	var done atomic.Bool
	e.OnPath(func(s Segment) []Segment {
		if s.From != Client || s.Len == 0 || done.Swap(true) {
			return nil
		}
		return fn(s)
	})
}

// injectedResponse is the conversation in which the client dies of a forged RST
// after its request, and the server, which knows nothing, answers that.
func (e *Env) injectedResponse(forge func(Segment) []Segment) {
	client, server := e.Connect()
	exchange(client, server)
	e.Pause(100 * time.Millisecond)
	e.onRequest(forge)
	client.WriteString(httpRequest)
	server.Read(len(httpRequest))
	server.Write(3000)
	client.AwaitReset()
	server.AwaitReset()
}

var (
	forged = Expect{From: Server, Cause: InjectedRST, Many: true}

	// meetsDead is what the response to a request draws from a client that
	// died of a forged RST.
	meetsDead = Expect{From: Client, Cause: FollowUp, Reason: "NO_SOCKET", Many: true}
)

func injectOddTTL() Recipe {
	return Recipe{
		Name:     "inject-odd-ttl",
		About:    "a box on the path answers the client's request with a RST in the server's name, whose TTL is 13 less than the server's",
		Link:     longPath,
		Vantages: nearAndMiddle,
		Resets:   []Expect{forged, meetsDead},
		Steps: func(e *Env) {
			e.injectedResponse(func(s Segment) []Segment {
				r := s.reset()
				r.TTL, r.ID, r.DF = 51, 0x1b3c, false
				return []Segment{r}
			})
		},
	}
}

func injectSameTTL() Recipe {
	return Recipe{
		Name:     "inject-same-ttl",
		About:    "a box on the path answers the client's request with a RST in the server's name, and copies the TTL; the server's response follows",
		Link:     longPath,
		Vantages: nearAndMiddle,
		Resets:   []Expect{forged, meetsDead},
		Steps: func(e *Env) {
			e.injectedResponse(func(s Segment) []Segment {
				r := s.reset()
				r.ACK, r.TCP.Ack, r.Window = true, s.Next(), s.Window // as Suricata does
				return []Segment{r}
			})
		},
	}
}

func injectBurst() Recipe {
	return Recipe{
		Name:     "inject-burst",
		About:    "a box on the path answers the client's request with three RSTs in the server's name, 0, 1460 and 4380 octets ahead",
		Link:     longPath,
		Vantages: []Vantage{AtClient},
		Resets:   []Expect{forged, meetsDead},
		Steps: func(e *Env) {
			e.injectedResponse(func(s Segment) (burst []Segment) {
				for i, ahead := range []uint32{0, 1460, 4380} {
					r := s.reset()
					r.ACK, r.TCP.Ack, r.Seq = true, s.Next(), r.Seq+ahead
					r.Window, r.TTL, r.ID, r.DF = 1980+uint16(i), 57+uint8(i), 0x7a01+uint16(i), false
					burst = append(burst, r)
				}
				return burst
			})
		},
	}
}

func injectLikeTCPKill() Recipe {
	return Recipe{
		Name:     "inject-like-tcpkill",
		About:    "a box on the path answers the client's request as tcpkill does: three RSTs in the server's name, each some windows ahead",
		Link:     longPath,
		Vantages: []Vantage{AtClient},
		Resets:   []Expect{forged, meetsDead},
		Steps: func(e *Env) {
			e.injectedResponse(func(s Segment) (burst []Segment) {
				for i, windows := range []uint32{0, 1, 3} {
					r := s.reset()
					r.Seq += windows * uint32(s.Window)
					r.ID, r.DF = [...]uint16{0x3fa1, 0xc20e, 0x8857}[i], false
					burst = append(burst, r)
				}
				return burst
			})
		},
	}
}

func injectBothEnds() Recipe {
	return Recipe{
		Name:     "inject-both-ends",
		About:    "a box on the path sees a request and sends a RST to both ends, each in the other's name; the request then meets a dead server",
		Link:     longPath,
		Vantages: bothEnds,
		Resets: []Expect{
			{From: Server, Cause: InjectedRST, At: AtClient},
			{From: Client, Cause: InjectedRST, At: AtServer},
			{From: Server, Cause: FollowUp, Reason: "TCP_FLAGS"},
		},
		Steps: func(e *Env) {
			client, server := e.Connect()
			exchange(client, server)
			e.Pause(100 * time.Millisecond)
			e.onRequest(func(s Segment) []Segment {
				back, on := s.reset(), s.onward()
				back.ACK, back.TCP.Ack, back.Window, back.DF = true, s.Next(), s.Window, false
				on.ACK, on.TCP.Ack, on.Window, on.DF = true, s.Ack, s.Window, false
				return []Segment{back, on}
			})
			client.WriteString(httpRequest)
			client.AwaitReset()
			server.AwaitReset()
		},
	}
}

func injectWrongSeq() Recipe {
	return Recipe{
		Name:     "inject-wrong-seq",
		About:    "a box on the path answers the client's request with a RST in the server's name that is 5000 octets ahead; the client challenges it, and both go on",
		Link:     longPath,
		Vantages: nearAndMiddle,
		Resets:   []Expect{forged},
		Steps: func(e *Env) {
			client, server := e.Connect()
			exchange(client, server)
			e.Pause(100 * time.Millisecond)
			e.onRequest(func(s Segment) []Segment {
				r := s.reset()
				r.Seq += 5000
				return []Segment{r}
			})
			client.WriteString(httpRequest)
			server.Read(len(httpRequest))
			server.Write(3000)
			client.Read(3000)
			exchange(client, server)
		},
	}
}

func injectOnSYN() Recipe {
	return Recipe{
		Name:     "inject-on-syn",
		About:    "a box on the path refuses the client's SYN in the server's name; the server's SYN/ACK follows and meets a closed socket",
		Link:     longPath,
		Vantages: nearAndMiddle,
		Resets: []Expect{
			{From: Server, Cause: InjectedRST},
			{From: Client, Cause: FollowUp, Reason: "NO_SOCKET"},
		},
		Steps: func(e *Env) {
			e.Listen()
			e.OnPath(func(s Segment) []Segment {
				if s.From != Client || !s.SYN {
					return nil
				}
				r := s.reset()
				r.Seq, r.ACK, r.TCP.Ack = 0, true, s.Next()
				return []Segment{r}
			})
			e.DialFails(servicePort, time.Second, unix.ECONNREFUSED)
		},
	}
}

// blindStep is the distance of blind RSTs: a little less than the client's
// first window, so that one of them is within it.
const blindStep = 60000

func blindRST() Recipe {
	return Recipe{
		Name:     "blind-rst",
		About:    "somebody who sees no packet guesses: twenty RSTs in the server's name, 60000 octets apart; the client challenges one, and both go on",
		Link:     longPath,
		Vantages: nearAndMiddle,
		Resets:   []Expect{{From: Server, Cause: BlindRST, Many: true}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			var last atomic.Pointer[Segment]
			e.OnPath(func(s Segment) []Segment {
				if s.From == Client {
					last.Store(&s)
				}
				return nil
			})
			exchange(client, server)
			e.Pause(200 * time.Millisecond)
			start := last.Load().reset()
			start.TTL, start.DF = 47, false
			start.Seq -= 10*blindStep + 1234
			for i := range 20 {
				r := start
				r.Seq += uint32(i) * blindStep
				r.ID = uint16(1000 + i)
				e.Inject(r)
				e.Pause(5 * time.Millisecond)
			}
			e.Pause(200 * time.Millisecond)
			exchange(client, server)
		},
	}
}
