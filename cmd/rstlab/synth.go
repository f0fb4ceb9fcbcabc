package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rstwhy/rstwhy/internal/synth"
)

// synthCommand is "rstlab synth": it writes generated traffic to a file and
// says on standard error what is in it.
func synthCommand() *cobra.Command {
	var (
		out           string
		size, packets int64
		seed          uint64
		pcapng        bool
	)
	cmd := &cobra.Command{
		Use:   "synth " + strings.Join(synth.ProfileNames(), "|"),
		Short: "write a capture of generated traffic, with known resets",
		Long: `Writes a capture of generated TCP conversations, some of which end in a reset
of a known cause. The same profile, seed and limits give the same bytes.

  web    1 GiB of pages and downloads, 5,000 conversations at a time
  small  700 MB of short requests and responses, 50,000 at a time
  scan   6 million packets: one host tries 3 million closed ports
  wide   1 million conversations open before the first one sends

--size and --packets replace the profile's own limits.`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: synth.ProfileNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, ok := synth.ProfileNamed(args[0])
			if !ok {
				return fmt.Errorf("no profile named %s", args[0])
			}
			p.Seed, p.PcapNG = seed, pcapng
			if size < 0 || packets < 0 {
				return fmt.Errorf("a limit below 0")
			}
			if size > 0 || packets > 0 {
				p.Size, p.Packets, p.Connections = size, packets, 0
			}
			began := time.Now()
			sum, err := generateTo(out, cmd, p)
			if err != nil {
				return err
			}
			w := cmd.ErrOrStderr()
			fmt.Fprintf(w, "%d packets, %d octets, %d connections (%d at a time), %v of traffic, in %v\n",
				sum.Packets, sum.Octets, sum.Connections, sum.Peak, sum.Span.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
			fmt.Fprintf(w, "%d resets, %d of them follow-ups\n", sum.Resets, sum.FollowUps)
			for _, cause := range slices.Sorted(maps.Keys(sum.Incidents)) {
				fmt.Fprintf(w, "%8d %s\n", sum.Incidents[cause], cause)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "out", "o", "-", "`file` to write, - for standard output")
	f.Int64Var(&size, "size", 0, "end at this many `octets`")
	f.Int64Var(&packets, "packets", 0, "end at this `many` packets")
	f.Uint64Var(&seed, "seed", 1, "`number` that the traffic follows from")
	f.BoolVar(&pcapng, "pcapng", false, "write pcapng with nanoseconds")
	return cmd
}

func generateTo(out string, cmd *cobra.Command, p synth.Profile) (synth.Summary, error) {
	if out == "-" {
		return synth.Generate(cmd.OutOrStdout(), p)
	}
	file, err := os.Create(out)
	if err != nil {
		return synth.Summary{}, err
	}
	sum, err := synth.Generate(file, p)
	if closing := file.Close(); err == nil {
		err = closing
	}
	return sum, err
}
