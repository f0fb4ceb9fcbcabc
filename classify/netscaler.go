package classify

import "bytes"

// netScaler returns what a Citrix NetScaler says with the window of the RST, nil
// when that is no code of its own. Only exact values count: 8192 and its
// neighbours are windows of ordinary stacks.
//
// Source: Citrix, CTX200852, "Citrix ADC NetScaler reset codes reference".
func netScaler(c *Case) *Sentence {
	rst := &c.RST
	if rst.Window < 8201 || rst.Options != 0 || rst.Window == c.Sender.Window || rst.Window == c.Trigger.Window {
		return nil
	}
	return netScalerCodes[rst.Window]
}

// saysIdle reports whether the maker of the RST says that its idle timeout had
// passed: an F5 BIG-IP in the payload (K13223), a NetScaler with the window.
func saysIdle(c *Case) bool {
	if isBigIP(c.Payload) {
		for _, said := range idleReasons {
			if bytes.Contains(c.Payload, said) {
				return true
			}
		}
		return false
	}
	switch c.RST.Window {
	case 8211, 9300, 9301, 9302, 9303:
		return netScaler(c) != nil
	}
	return false
}

// idleReasons are what an F5 BIG-IP says when it ends an idle connection (K13223).
var idleReasons = [][]byte{[]byte("Idle timeout"), []byte("idle timeout"), []byte("Flow expired"), []byte("flow expired")}

var netScalerCodes = map[uint16]*Sentence{
	8201: sentence("netscaler-8201", "{rst}: window {rst_window} is NetScaler's code for a segment on a connection that it has closed or does not know"),
	8202: sentence("netscaler-8202", "{rst}: window {rst_window} is NetScaler's code for data without a connection, whose SYN cookie has expired"),
	8204: sentence("netscaler-8204", "{rst}: window {rst_window} is NetScaler's code for a SYN sent again with another number"),
	8205: sentence("netscaler-8205", "{rst}: window {rst_window} is NetScaler's code for a wrong acknowledgment at the end of the handshake"),
	8206: sentence("netscaler-8206", "{rst}: window {rst_window} is NetScaler's code for a bad segment while it waited for a SYN/ACK"),
	8207: sentence("netscaler-8207", "{rst}: window {rst_window} is NetScaler's code for a SYN on an open connection"),
	8208: sentence("netscaler-8208", "{rst}: window {rst_window} is NetScaler's code for too many retransmissions"),
	8209: sentence("netscaler-8209", "{rst}: window {rst_window} is NetScaler's code for being out of memory"),
	8211: sentence("netscaler-8211", "{rst}: window {rst_window} is NetScaler's code for an idle timeout, or for a service that went down"),
	9300: sentence("netscaler-9300", "{rst}: window {rst_window} is NetScaler's code for an idle timeout, or for a service that went down"),
	9301: sentence("netscaler-9301", "{rst}: window {rst_window} is NetScaler's code for an idle timeout, or for a service that went down"),
	9302: sentence("netscaler-9302", "{rst}: window {rst_window} is NetScaler's code for an idle timeout, or for a service that went down"),
	9303: sentence("netscaler-9303", "{rst}: window {rst_window} is NetScaler's code for an idle timeout, or for a service that went down"),
	8212: sentence("netscaler-8212", "{rst}: window {rst_window} is NetScaler's code for a segment that belongs to no connection and no service"),
	8214: sentence("netscaler-8214", "{rst}: window {rst_window} is NetScaler's code for an MSS larger than its own interface allows"),
	9100: sentence("netscaler-9100", "{rst}: window {rst_window} is NetScaler's code for an HTTP exchange that stopped half-way"),
	9304: sentence("netscaler-9304", "{rst}: window {rst_window} is NetScaler's code for giving up on a window that stayed closed"),
	9305: sentence("netscaler-9305", "{rst}: window {rst_window} is NetScaler's code for a server that acknowledged another SYN"),
	9310: sentence("netscaler-9310", "{rst}: window {rst_window} is NetScaler's code for a peer that did not answer keep-alive probes"),
	9401: sentence("netscaler-9401", "{rst}: window {rst_window} is NetScaler's code for making room, or for a setting that was removed"),
	9700: sentence("netscaler-9700", "{rst}: window {rst_window} is NetScaler's code for passing on a RST of the other side"),
	9701: sentence("netscaler-9701", "{rst}: window {rst_window} is NetScaler's code for passing on a RST of the other side"),
	9702: sentence("netscaler-9702", "{rst}: window {rst_window} is NetScaler's code for data after the peer's FIN"),
	9811: sentence("netscaler-9811", "{rst}: window {rst_window} is NetScaler's code for a fatal TLS alert that it has sent"),
	9812: sentence("netscaler-9812", "{rst}: window {rst_window} is NetScaler's code for an address that was taken out of its configuration"),
	9814: sentence("netscaler-9814", "{rst}: window {rst_window} is NetScaler's code for a policy whose action is RESET"),
	9830: sentence("netscaler-9830", "{rst}: window {rst_window} is NetScaler's code for an ACL that denies the connection"),
	9845: sentence("netscaler-9845", "{rst}: window {rst_window} is NetScaler's code for its application firewall"),
}
