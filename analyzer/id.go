package analyzer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// ID names the incident for those who collect findings: 32 hexadecimal digits,
// the first 16 octets of the SHA-256 of what its first RST is. That is the
// frame's number in its file and its time in nanoseconds, and the RST's zone,
// source, destination, sequence and acknowledgment number and flags, big endian
// and in this order.
//
// Nothing else goes in: neither the verdict nor what other connections do, nor
// the name of the file or the place that it has among others. So the same
// capture gives the same IDs wherever it lies, alone or as one of several, in
// every version that reads the same segments from it. Two incidents of a file
// differ in their frame; of one file that is read twice each has the same ID
// twice, because it is the same RST.
func (i *Incident) ID() string {
	h := &i.Reset.RST
	b := make([]byte, 0, 72) // on the stack
	b = binary.BigEndian.AppendUint64(b, h.Frame)
	b = binary.BigEndian.AppendUint64(b, uint64(h.Time))
	b = binary.BigEndian.AppendUint32(b, h.Zone)
	b = append(b, h.Src[:]...)
	b = binary.BigEndian.AppendUint16(b, h.SrcPort)
	b = append(b, h.Dst[:]...)
	b = binary.BigEndian.AppendUint16(b, h.DstPort)
	b = binary.BigEndian.AppendUint32(b, uint32(h.Seq))
	b = binary.BigEndian.AppendUint32(b, uint32(h.Ack))
	b = binary.BigEndian.AppendUint16(b, uint16(h.Flags))
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
