package field

// profile is how a TCP that is not Linux's looks and behaves, as data. The stack
// that plays it is small; what it is held to is what resets look like. Facts of
// the profiles: nmap's os-db, the sources of FreeBSD and XNU, vendors' pages, and
// RFC 9293, 3.10.5, which has an abort send a bare RST.
type profile struct {
	name       string
	ttl        uint8
	df         bool
	countedID  bool // IP IDs count up over all connections; otherwise they are 0
	timestamps bool // offered in the SYN/ACK when the SYN has them
	window     uint16
	wscale     uint8

	abortACK        bool // an abort has ACK
	abortWindow     bool // and the live window, otherwise 0
	abortTimestamps bool
	unreadFIN       bool // close with octets unread sends FIN; RST answers what comes then

	replyACK      bool // replies to segments with ACK have ACK as well
	replyAckField bool // without the flag the field is filled in all the same
	replyWindow   bool // replies have the live window, otherwise 0
	replyOwnNext  bool // a reply of a closed connection has its own next number
	giveUpRST     bool // retransmission that ends in vain ends with RST
	fullRefuses   bool // a full queue refuses a SYN; otherwise silence
}

// profiles are the stacks, in the order of the plan's dice.
var profiles = []profile{
	{name: "Windows", ttl: 128, df: true, countedID: true, window: 64240, wscale: 8, abortACK: true, replyAckField: true, fullRefuses: true},
	{name: "Windows, bare abort", ttl: 128, df: true, countedID: true, window: 64240, wscale: 8, replyAckField: true, fullRefuses: true},
	{name: "FreeBSD", ttl: 64, df: true, countedID: true, timestamps: true, window: 65535, wscale: 6, abortACK: true, abortWindow: true,
		abortTimestamps: true, unreadFIN: true, giveUpRST: true, fullRefuses: true},
	{name: "macOS", ttl: 64, df: true, timestamps: true, window: 65535, wscale: 6, abortACK: true, abortWindow: true, giveUpRST: true},
	{name: "PLC", ttl: 60, countedID: true, window: 8192, abortWindow: true, replyWindow: true, replyOwnNext: true, giveUpRST: true},
	{name: "IOS", ttl: 255, countedID: true, window: 4128, replyOwnNext: true, giveUpRST: true},
	{name: "BIG-IP", ttl: 255, df: true, countedID: true, timestamps: true, window: 4380, abortACK: true, replyACK: true, giveUpRST: true},
	{name: "lwIP", ttl: 255, countedID: true, window: 5840, abortACK: true, abortWindow: true, replyACK: true, replyWindow: true, giveUpRST: true},
}
