package classify

// netScaler returns what a Citrix NetScaler says with the window of a RST, as a
// line of evidence with the frame and the window to fill in, or "". Only exact
// values count: 8192 and its neighbours are windows of ordinary stacks.
//
// Source: Citrix, CTX200852, "Citrix ADC NetScaler reset codes reference".
func netScaler(window uint16) string {
	switch window {
	case 8201:
		return "{}: window {} is NetScaler's code for a segment on a connection that it has closed or does not know"
	case 8202:
		return "{}: window {} is NetScaler's code for data without a connection, whose SYN cookie has expired"
	case 8204:
		return "{}: window {} is NetScaler's code for a SYN sent again with another number"
	case 8205:
		return "{}: window {} is NetScaler's code for a wrong acknowledgment at the end of the handshake"
	case 8206:
		return "{}: window {} is NetScaler's code for a bad segment while it waited for a SYN/ACK"
	case 8207:
		return "{}: window {} is NetScaler's code for a SYN on an open connection"
	case 8208:
		return "{}: window {} is NetScaler's code for too many retransmissions"
	case 8209:
		return "{}: window {} is NetScaler's code for being out of memory"
	case 8211, 9300, 9301, 9302, 9303:
		return "{}: window {} is NetScaler's code for an idle timeout, or for a service that went down"
	case 8212:
		return "{}: window {} is NetScaler's code for a segment that belongs to no connection and no service"
	case 8214:
		return "{}: window {} is NetScaler's code for an MSS larger than its own interface allows"
	case 9100:
		return "{}: window {} is NetScaler's code for an HTTP exchange that stopped half-way"
	case 9304:
		return "{}: window {} is NetScaler's code for giving up on a window that stayed closed"
	case 9305:
		return "{}: window {} is NetScaler's code for a server that acknowledged another SYN"
	case 9310:
		return "{}: window {} is NetScaler's code for a peer that did not answer keep-alive probes"
	case 9401:
		return "{}: window {} is NetScaler's code for making room, or for a setting that was removed"
	case 9700, 9701:
		return "{}: window {} is NetScaler's code for passing on a RST of the other side"
	case 9702:
		return "{}: window {} is NetScaler's code for data after the peer's FIN"
	case 9811:
		return "{}: window {} is NetScaler's code for a fatal TLS alert that it has sent"
	case 9812:
		return "{}: window {} is NetScaler's code for an address that was taken out of its configuration"
	case 9814:
		return "{}: window {} is NetScaler's code for a policy whose action is RESET"
	case 9830:
		return "{}: window {} is NetScaler's code for an ACL that denies the connection"
	case 9845:
		return "{}: window {} is NetScaler's code for its application firewall"
	}
	return ""
}
