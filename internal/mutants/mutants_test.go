package mutants

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Every kind of change is made and can be switched on, and nothing changes without.
func TestMutants(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module small\n\ngo 1.26\n")
	write("main.go", `package main

import "fmt"

const limit = 6

func main() {
	a, b := 3, 4
	fmt.Println(a < b, a == b, !(a < b && b < limit), a+b, limit)
}
`)
	set, err := Of(dir, func(name string) bool { return name == "main.go" }, nil)
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := set.Overlay(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "small")
	build := exec.Command("go", "build", "-overlay", overlay, "-o", program, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := func(id int) string {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), Variable+"="+strconv.Itoa(id))
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	if got, want := run(0), "true false false 7 6"; got != want {
		t.Errorf("without a change %q, want %q", got, want)
	}
	changed := 0
	for _, m := range set.Mutants {
		if run(m.ID) != run(0) {
			changed++
		}
	}
	// The borders change nothing here, nor does the doubled limit beyond its print.
	if len(set.Mutants) != 12 || changed < 8 {
		t.Errorf("%d mutants, %d change what is printed: %+v", len(set.Mutants), changed, set.Mutants)
	}
}
