package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/rstwhy/rstwhy/report"
	"github.com/rstwhy/rstwhy/web"
)

// serve begins to show the run over HTTP, where that is asked for; nil where not.
func (o *options) serve() (*web.Server, error) {
	if len(o.listen) == 0 {
		return nil, nil
	}
	s := web.New(version())
	s.Story = report.Story
	err := s.Listen(o.listen[0], o.webConfig, len(o.listen) > 1)
	switch {
	case errors.Is(err, web.ErrExposed):
		return nil, &usageError{fmt.Errorf("--web.listen-address %s: %w; give --web.config.file with TLS or passwords, or the same address twice", o.listen[0], err)}
	case err != nil:
		return nil, fmt.Errorf("--web.listen-address %s: %w", o.listen[0], err)
	}
	tell(os.Stderr, "serving /, /metrics and /healthz on "+s.Address())
	return s, nil
}

// checkServe refuses what cannot be served.
func (o *options) checkServe() error {
	switch {
	case len(o.listen) == 0 && o.webConfig != "":
		return errConfigAlone
	case len(o.listen) > 2, len(o.listen) == 2 && o.listen[0] != o.listen[1]:
		return errOneAddress
	}
	return nil
}

var (
	errConfigAlone = errors.New("--web.config.file says how --web.listen-address is served: give both")
	errOneAddress  = errors.New("--web.listen-address: one address is served; given twice it means that everybody may read it")
)
