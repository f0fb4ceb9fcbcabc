package analyzer_test

import (
	"context"
	"fmt"
	"log"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/flows"
)

// printer is the smallest of sinks: a line for each incident.
type printer struct{}

func (printer) Incident(i *analyzer.Incident) error {
	server := i.Server()
	fmt.Printf("frame %d, server %v: %s, %s\n", i.Reset.RST.Frame, server.AddrPort(), i.Verdict.Rule.ID, i.Verdict.Confidence)
	for _, also := range i.Verdict.AlsoFits {
		fmt.Println("  or", also.Rule.ID)
	}
	return nil
}

func (printer) Note(*flows.Note) error { return nil }

func (printer) Close(*analyzer.Summary) error { return nil }

// Explain every reset of two captures.
func ExampleRun() {
	for _, name := range []string{"keep-alive-race", "unread-data-on-close"} {
		src, err := capture.Open([]string{"../testdata/pcaps/" + name + "/client.pcap"}, capture.Config{})
		if err != nil {
			log.Fatal(err)
		}
		sum, err := analyzer.Run(context.Background(), src, analyzer.Config{}, printer{})
		src.Close()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d packets, %d RST\n", sum.Frames, sum.Flows.RSTs)
	}
	// Output:
	// frame 10, server 10.7.0.2:8080: keep-alive-race, certain
	// 10 packets, 1 RST
	// frame 12, server 10.7.0.2:8080: unread-data-on-close, likely
	//   or deliberate-abort
	// 12 packets, 1 RST
}
