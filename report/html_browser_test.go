package report

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// TestInBrowser opens pages in Chromium: nothing is loaded but the page, nothing is wrong
// on the console, and what the reader does has its effect. RSTWHY_AXE names axe.min.js of
// axe-core, which then finds nothing serious.
func TestInBrowser(t *testing.T) {
	chrome, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED: chromium is missing, nobody looked at a page in a browser")
	}
	axe := ""
	if path := os.Getenv("RSTWHY_AXE"); path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		axe = string(b)
	} else {
		t.Log("SKIPPED: without RSTWHY_AXE nobody asked axe-core")
	}
	dir := t.TempDir()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chrome), chromedp.NoSandbox, chromedp.UserDataDir(dir))
	browser, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	for _, name := range []string{"one", "mixed", "folded", "servers", "quiet", "alone"} {
		t.Run(name, func(t *testing.T) {
			o := fixed()
			o.Command = []string{"rstwhy", hostile}
			file := hostile + ".pcap"
			got, sum := render(t, "html", o, scenario(t, "testdata/"+name+".txtar", 0), []string{file})
			path := filepath.Join(dir, name+".html")
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, done := chromedp.NewContext(browser)
			defer done()
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			var mu sync.Mutex
			var faults, requests []string
			chromedp.ListenTarget(ctx, func(e any) {
				mu.Lock()
				defer mu.Unlock()
				switch e := e.(type) {
				case *runtime.EventExceptionThrown:
					faults = append(faults, e.ExceptionDetails.Error())
				case *cdplog.EventEntryAdded:
					faults = append(faults, e.Entry.Text)
				case *network.EventRequestWillBeSent:
					requests = append(requests, e.Request.URL)
				}
			})
			page := (&url.URL{Scheme: "file", Path: path}).String()
			do := func(actions ...chromedp.Action) {
				t.Helper()
				if err := chromedp.Run(ctx, actions...); err != nil {
					t.Fatal(err)
				}
			}
			ask := func(js string) (out string) {
				t.Helper()
				do(chromedp.Evaluate("String("+js+")", &out))
				return out
			}
			do(network.Enable(), cdplog.Enable(), runtime.Enable(), chromedp.Navigate(page))
			if title := ask("document.title"); !strings.Contains(title, "TCP reset") {
				t.Errorf("title %q", title)
			}
			if hit := ask("window.hit"); hit != "undefined" {
				t.Error("text of the capture was run as a script")
			}
			if ask("document.documentElement.classList.contains('js')") != "true" {
				t.Error("the page's own script did not run")
			}
			if sum.Incidents > 0 {
				useOfPage(t, do, ask, page)
			}
			var pdf []byte
			do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
				pdf, _, err = cdppage.PrintToPDF().Do(ctx)
				return err
			}))
			if !strings.HasPrefix(string(pdf), "%PDF") {
				t.Error("it does not print")
			}
			if axe != "" {
				for _, scheme := range []string{"light", "dark"} {
					do(chromedp.Evaluate(axe, nil), emulate(scheme))
					var bad string
					do(chromedp.Evaluate(`axe.run().then(r => r.violations.filter(v => v.impact === 'serious' || v.impact === 'critical')
						.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html).join(' ')).join('\n'))`, &bad,
						func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
					if bad != "" {
						t.Errorf("axe-core, %s:\n%s", scheme, bad)
					}
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for _, r := range requests {
				if u, _, _ := strings.Cut(r, "#"); u != page {
					t.Errorf("the page asks for %s", r)
				}
			}
			for _, f := range faults {
				t.Errorf("console: %s", f)
			}
		})
	}
}

// hostile is a name that is none of a browser's business.
const hostile = `</title></script><script>window.hit=1</script><img src=x onerror=window.hit=1> "'` + "`|\x1b[31m\u202e"

func emulate(scheme string) chromedp.Action {
	return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}})
}

// useOfPage does what a reader does.
func useOfPage(t *testing.T, do func(...chromedp.Action), ask func(string) string, page string) {
	t.Helper()
	shown := "[...document.querySelectorAll('.incident')].filter(i => !i.hidden).length"
	all := ask(shown)
	if all == "0" {
		t.Fatal("no incident is shown")
	}
	if ask("document.querySelector('.incident').open") != "true" {
		t.Error("the first incident is closed")
	}
	// Sort.
	first := "document.querySelector('#h-services').parentElement.querySelector('tbody tr').cells[0].textContent"
	do(chromedp.Evaluate("document.querySelector('#h-services').parentElement.querySelector('th button').click()", nil))
	up := ask(first)
	do(chromedp.Evaluate("document.querySelector('#h-services').parentElement.querySelector('th button').click()", nil))
	if down := ask(first); ask("'"+up+"'.localeCompare('"+down+"')") == "1" {
		t.Errorf("sorted up %q comes first, sorted down %q", up, down)
	}
	// Filter by words that nothing has, and by a cause.
	set := func(id, value string) {
		do(chromedp.Evaluate("(e => { e.value = '"+value+"'; e.dispatchEvent(new Event('input', {bubbles: true})) })(document.getElementById('"+id+"'))", nil))
	}
	set("words", "no such word")
	if n := ask(shown); n != "0" {
		t.Errorf("%s incidents have words that none has", n)
	}
	set("words", "")
	id := ask("document.querySelector('.incident').dataset.cause")
	set("cause", id)
	if n, of := ask(shown), ask("document.querySelectorAll('.incident[data-cause="+id+"]').length"); n != of {
		t.Errorf("of %s incidents of %s %s are shown", of, id, n)
	}
	set("cause", "")
	if n := ask(shown); n != all {
		t.Errorf("%s of %s incidents are shown when nothing is asked for", n, all)
	}
	// Brush a time without incidents by the keys, and take it back.
	do(chromedp.Evaluate(`(c => { for (let k = 0; k < 19; k++) c.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', shiftKey: true})) })(document.getElementById('timeline'))`, nil))
	if ask("document.getElementById('brush').getAttribute('width')") == "0" {
		t.Error("the keys do not brush")
	}
	do(chromedp.Evaluate("document.getElementById('unbrush').click()", nil))
	if n := ask(shown); n != all {
		t.Errorf("%s of %s incidents are shown without a brush", n, all)
	}
	// Time to scale moves the packets.
	ys := "[...document.querySelector('svg.ladder').querySelectorAll('.rung')].map(r => r.getAttribute('transform')).join()"
	before := ask(ys)
	many := ask("document.querySelector('svg.ladder').querySelectorAll('.rung').length") > "2"
	do(chromedp.Evaluate("document.getElementById('scale').click()", nil))
	if ask(ys) == before && many {
		t.Error("to scale, the packets stand as before")
	}
	// A link to the last incident opens it, also after the page was loaded again.
	anchor := ask("[...document.querySelectorAll('.incident')].at(-1).id")
	do(chromedp.Navigate("about:blank"), chromedp.Navigate(page+"#"+anchor), chromedp.Reload())
	if ask("document.getElementById('"+anchor+"').open") != "true" {
		t.Error("the link to an incident does not open it")
	}
	// So does the one from evidence to its packet.
	if frame := ask("(a => a ? a.getAttribute('href').slice(1) : '')(document.querySelector('a.frame'))"); frame != "" {
		do(chromedp.Evaluate("location.hash = '"+frame+"'", nil))
		if ask("document.getElementById('"+frame+"').closest('.incident').open") != "true" {
			t.Error("evidence does not lead to its packet")
		}
	}
}
