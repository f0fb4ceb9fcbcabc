// Package capture is where frames come from: capture files and streams, and
// live interfaces. A source reads a frame, decodes it in place and puts the
// header into a batch; no frame is copied or kept.
//
// Files and streams have readers of their own, compressed or not. Interfaces,
// filter expressions and the reference reader go through libpcap.
package capture
