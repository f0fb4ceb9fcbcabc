package lab

import (
	"net"
	"strconv"
	"time"

	"github.com/google/gopacket/layers"
)

// listenMPTCP starts a service that speaks Multipath TCP, on every address of
// the server.
func (e *Env) listenMPTCP() *Listener {
	var lc net.ListenConfig
	lc.SetMultipathTCP(true)
	return e.listen(lc, ":"+strconv.Itoa(servicePort))
}

// connectMPTCP is Connect with Multipath TCP.
func (e *Env) connectMPTCP() (client, server *Conn) {
	ln := e.listenMPTCP()
	d := net.Dialer{Deadline: e.deadline}
	d.SetMultipathTCP(true)
	c, err := e.dialBy(d, e.nextClient(), servicePort)
	check(err, "connecting")
	return e.conn(c, Client), ln.Accept()
}

func mptcpFastclose() Recipe {
	return Recipe{
		Name:     "mptcp-fastclose",
		About:    "a server of Multipath TCP closes with 100 octets unread",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: MPTCPFastclose, Reason: "TCP_ABORT_ON_CLOSE", Active: true}},
		Steps: func(e *Env) {
			client, server := e.connectMPTCP()
			client.Write(100)
			server.Read(100)
			server.Write(200)
			client.Read(200)
			client.Write(100)
			e.Pause(50 * time.Millisecond)
			server.Close()
			client.AwaitReset()
		},
	}
}

func mptcpFastcloseLinger() Recipe {
	return Recipe{
		Name:     "mptcp-fastclose-linger",
		About:    "a client of Multipath TCP, which has read everything, closes with SO_LINGER 0",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Client, Cause: MPTCPFastclose, Reason: "TCP_ABORT_ON_CLOSE", Active: true}},
		Steps: func(e *Env) {
			client, server := e.connectMPTCP()
			client.Write(100)
			server.Read(100)
			server.Write(200)
			client.Read(200)
			e.Pause(50 * time.Millisecond)
			client.Abort()
			server.AwaitReset()
		},
	}
}

func mptcpUnknownToken() Recipe {
	return Recipe{
		Name:     "mptcp-unknown-token",
		About:    "a SYN asks to join a Multipath TCP connection that the server does not have (MP_JOIN with an unknown token)",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: MPTCPReset, Reason: "MPTCP_RST_EMPTCP"}},
		Steps: func(e *Env) {
			e.listenMPTCP()
			f := e.Forge(Client)
			s := f.syn(firstClientPort, 1000000000)
			s.Options = append(s.Options, layers.TCPOption{
				OptionType: 30, OptionLength: 12,
				// MP_JOIN, address 1, token, random number
				OptionData: []byte{0x10, 1, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4},
			})
			f.Send(s)
			f.awaitRST()
		},
	}
}

func mptcpJoinRefused() Recipe {
	return Recipe{
		Name:     "mptcp-join-refused",
		About:    "the server announces a second address but its own limit allows no second subflow: it refuses the client's, and the client resets that subflow too; the connection goes on",
		Needs:    []string{"ip"},
		Vantages: bothEnds,
		Resets: []Expect{
			{From: Server, Cause: MPTCPReset, Reason: "MPTCP_RST_EPROHIBIT"},
			{From: Client, Cause: MPTCPReset, Reason: "MPTCP_RST_EUNSPEC", Active: true},
		},
		Steps: func(e *Env) {
			const second = "10.7.0.4"
			e.Command(Server, "ip", "addr", "add", second+"/24", "dev", e.host(Server).Interface)
			e.Command(Server, "ip", "mptcp", "limits", "set", "subflow", "0")
			e.Command(Server, "ip", "mptcp", "endpoint", "add", second, "signal")
			e.Command(Client, "ip", "mptcp", "limits", "set", "subflow", "2", "add_addr_accepted", "2")
			client, server := e.connectMPTCP()
			client.Write(100)
			server.Read(100)
			server.Write(200)
			client.Read(200)
			e.Pause(300 * time.Millisecond)
			client.Write(100)
			server.Read(100)
		},
	}
}
