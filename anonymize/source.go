package anonymize

import (
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/packet"
)

// Source reads batches from another, and changes them: of what it gives nothing comes
// back to the first addresses, nor to the text in a RST.
type Source struct {
	// From fills a batch, as capture.Files does.
	From interface{ Read(*packet.Batch) error }
	Mask *Mask
}

// Read fills b from the other source and changes it.
func (s *Source) Read(b *packet.Batch) error {
	err := s.From.Read(b)
	for k := range b.Headers {
		s.Mask.Header(&b.Headers[k])
	}
	for k := range b.Notes {
		n := &b.Notes[k]
		var text [packet.NoteLen]byte
		classify.Redact(text[:n.N], n.Text[:n.N], true)
		n.Text = text
	}
	return err
}
