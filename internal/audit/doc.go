// Package audit holds what rstwhy prints against the packets. For each fact that
// a sentence may name there is a plain function over all segments of the capture,
// slow and obvious, written without the code that it audits: it imports nothing
// but the decoder. An auditor says true, false, or that the packets do not decide.
package audit
