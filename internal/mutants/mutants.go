// Package mutants changes a package in many small ways, one at a time, to see whether
// its tests notice. All changes are compiled into one test binary, and a variable of
// the environment switches one of them on: compiling a binary for each would take hours.
package mutants

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Variable is the variable of the environment that switches a mutant on, by number.
const Variable = "RSTWHY_MUTANT"

// Mutant is one change.
type Mutant struct {
	ID   int
	File string // base name
	Func string // in which it is, or the name of a limit
	Line int
	Was  string
	Is   string // what it becomes
}

// Key names a mutant in whatever line it stands.
func (m *Mutant) Key() string { return m.File + "\t" + m.Func + "\t" + m.Was + "\t" + m.Is }

// Set is the mutants of a package, and its changed files.
type Set struct {
	Mutants []Mutant
	Skipped int // constants that must stay constants
	dir     string
	files   map[string][]byte // by path
}

// negated and bordering are what comparisons become.
var (
	negated   = map[token.Token]token.Token{token.EQL: token.NEQ, token.NEQ: token.EQL, token.LSS: token.GEQ, token.GEQ: token.LSS, token.GTR: token.LEQ, token.LEQ: token.GTR}
	bordering = map[token.Token]token.Token{token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR}
	reversed  = map[token.Token]token.Token{token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL}
)

// helpers are what the changed expressions call. Both operands of a comparison are
// computed once; the second of && and || only when it would be.
const helpers = `package %s

import (
	"cmp"
	"os"
	"strconv"
)

var mutantOn, _ = strconv.Atoi(os.Getenv("` + Variable + `"))

type mutantNumber interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

func mutantEqual[T comparable](id int, equal bool, a, b T) bool { return (a == b) == (equal != (mutantOn == id)) }

// From id on: as it is, negated, and with the border on the other side.
func mutantOrder[T cmp.Ordered](id int, op string, a, b T) bool {
	is := func(op string) bool {
		switch op {
		case "<":
			return a < b
		case "<=":
			return a <= b
		case ">":
			return a > b
		}
		return a >= b
	}
	switch mutantOn {
	case id:
		return !is(op)
	case id + 1:
		return is(map[string]string{"<": "<=", "<=": "<", ">": ">=", ">=": ">"}[op])
	}
	return is(op)
}

func mutantAnd(id int, a bool, b func() bool) bool {
	if mutantOn == id {
		return a || b()
	}
	return a && b()
}

func mutantOr(id int, a bool, b func() bool) bool {
	if mutantOn == id {
		return a && b()
	}
	return a || b()
}

func mutantNot(id int, a bool) bool { return a == (mutantOn == id) }

func mutantArithmetic[T mutantNumber](id int, op string, a, b T) T {
	if mutantOn == id {
		op = map[string]string{"+": "-", "-": "+", "*": "/", "/": "*"}[op]
	}
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	}
	if b == 0 {
		return a // of a changed division
	}
	return a / b
}

// From id on: twice and half of a limit.
func mutantLimit[T mutantNumber](id int, v T) T {
	switch mutantOn {
	case id:
		return 2 * v
	case id + 1:
		return v / 2
	}
	return v
}
`

// Of returns the mutants of those files of the package in dir whose base name match
// accepts. Constants become variables, except those named in constant.
func Of(dir string, match func(name string) bool, constant map[string]bool) (*Set, error) {
	fset := token.NewFileSet()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	sources := map[*ast.File][]byte{}
	names := map[*ast.File]string{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
		sources[f], names[f] = src, path
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("mutants: %s: no Go files", dir)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	if _, err := config.Check(files[0].Name.Name, fset, files, info); err != nil {
		return nil, err
	}
	s := &Set{dir: dir, files: map[string][]byte{}}
	for _, f := range files {
		if !match(filepath.Base(names[f])) {
			continue
		}
		r := &rewriter{set: s, fset: fset, src: sources[f], info: info, file: filepath.Base(names[f]), constant: constant}
		out, err := format.Source([]byte(r.render(f)))
		if err != nil {
			return nil, fmt.Errorf("mutants: %s: %w", names[f], err)
		}
		s.files[names[f]] = out
	}
	s.files[filepath.Join(dir, "zz_mutants.go")] = fmt.Appendf(nil, helpers, files[0].Name.Name)
	return s, nil
}

// rewriter writes one file with all its mutants.
type rewriter struct {
	set      *Set
	fset     *token.FileSet
	src      []byte
	info     *types.Info
	file     string
	within   string
	constant map[string]bool
}

// render is the source of n, changed.
func (r *rewriter) render(n ast.Node) string {
	base := r.fset.Position(n.Pos()).Offset
	if _, whole := n.(*ast.File); whole {
		base = 0
	}
	end := r.fset.Position(n.End()).Offset
	if _, whole := n.(*ast.File); whole {
		end = len(r.src)
	}
	var b bytes.Buffer
	at := base
	replace := func(x ast.Node, with string) {
		from := r.fset.Position(x.Pos()).Offset
		b.Write(r.src[at:from])
		b.WriteString(with)
		at = r.fset.Position(x.End()).Offset
	}
	ast.Inspect(n, func(x ast.Node) bool {
		if x == nil || x == n {
			return true
		}
		switch x := x.(type) {
		case *ast.FuncDecl:
			r.within = x.Name.Name
		case *ast.GenDecl:
			if x.Tok == token.CONST {
				replace(x, r.constants(x))
				return false
			}
		case ast.Expr:
			if with, ok := r.expression(x); ok {
				replace(x, with)
				return false
			}
		}
		return true
	})
	b.Write(r.src[at:end])
	return b.String()
}

func (r *rewriter) add(n ast.Node, was, is string) int {
	id := len(r.set.Mutants) + 1
	r.set.Mutants = append(r.set.Mutants, Mutant{id, r.file, r.within, r.fset.Position(n.Pos()).Line, strings.Join(strings.Fields(was), " "), is})
	return id
}

func (r *rewriter) text(n ast.Node) string {
	return string(r.src[r.fset.Position(n.Pos()).Offset:r.fset.Position(n.End()).Offset])
}

// whole is the expression x with what is in it changed.
func (r *rewriter) whole(x ast.Expr) string {
	if with, ok := r.expression(x); ok {
		return with
	}
	return r.render(x)
}

// expression returns what stands in the place of x, where x itself has mutants.
func (r *rewriter) expression(x ast.Expr) (string, bool) {
	if tv := r.info.Types[x]; tv.Value != nil || tv.IsType() {
		return "", false // a constant has to stay one
	}
	switch x := x.(type) {
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			id := r.add(x, r.text(x), strings.TrimPrefix(r.text(x), "!"))
			return fmt.Sprintf("mutantNot(%d, %s)", id, r.whole(x.X)), true
		}
	case *ast.BinaryExpr:
		with := func(op token.Token) string { return r.text(x.X) + " " + op.String() + " " + r.text(x.Y) }
		switch x.Op {
		case token.LAND, token.LOR:
			name, other := "mutantAnd", token.LOR
			if x.Op == token.LOR {
				name, other = "mutantOr", token.LAND
			}
			id := r.add(x, r.text(x), with(other))
			a := r.whole(x.X)
			return fmt.Sprintf("%s(%d, %s, func() bool { return %s })", name, id, a, r.whole(x.Y)), true
		case token.EQL, token.NEQ:
			if r.isNil(x.X) || r.isNil(x.Y) || !types.Identical(types.Default(r.info.Types[x.X].Type), types.Default(r.info.Types[x.Y].Type)) && !r.untyped(x.X) && !r.untyped(x.Y) {
				return "", false
			}
			id := r.add(x, r.text(x), with(negated[x.Op]))
			a := r.whole(x.X)
			return fmt.Sprintf("mutantEqual(%d, %t, %s, %s)", id, x.Op == token.EQL, a, r.whole(x.Y)), true
		case token.LSS, token.LEQ, token.GTR, token.GEQ:
			id := r.add(x, r.text(x), with(negated[x.Op]))
			r.add(x, r.text(x), with(bordering[x.Op]))
			a := r.whole(x.X)
			return fmt.Sprintf("mutantOrder(%d, %q, %s, %s)", id, x.Op, a, r.whole(x.Y)), true
		case token.ADD, token.SUB, token.MUL, token.QUO:
			if t, ok := r.info.Types[x].Type.Underlying().(*types.Basic); !ok || t.Info()&types.IsNumeric == 0 {
				return "", false
			}
			id := r.add(x, r.text(x), with(reversed[x.Op]))
			a := r.whole(x.X)
			return fmt.Sprintf("mutantArithmetic(%d, %q, %s, %s)", id, x.Op, a, r.whole(x.Y)), true
		}
	}
	return "", false
}

func (r *rewriter) isNil(x ast.Expr) bool { return r.info.Types[x].IsNil() }

func (r *rewriter) untyped(x ast.Expr) bool { return r.info.Types[x].Value != nil }

// constants is a declaration of constants with those that may be variables as such.
func (r *rewriter) constants(d *ast.GenDecl) string {
	for _, spec := range d.Specs {
		if v := spec.(*ast.ValueSpec); len(v.Names) != len(v.Values) || strings.Contains(r.text(v), "iota") {
			return r.text(d) // an enumeration
		}
	}
	var consts, vars strings.Builder
	for _, spec := range d.Specs {
		v := spec.(*ast.ValueSpec)
		t := (*types.Basic)(nil)
		if len(v.Names) == 1 && len(v.Values) == 1 {
			t, _ = r.info.Types[v.Values[0]].Type.Underlying().(*types.Basic)
		}
		if t == nil || t.Info()&types.IsNumeric == 0 || r.constant[v.Names[0].Name] {
			consts.WriteString(r.text(v) + "\n")
			if t != nil && t.Info()&types.IsNumeric != 0 {
				r.set.Skipped++
			}
			continue
		}
		r.within = v.Names[0].Name
		value := r.text(v.Values[0])
		id := r.add(v, value, "2 * ("+value+")")
		r.add(v, value, "("+value+") / 2")
		of := ""
		if v.Type != nil {
			of = r.text(v.Type)
		}
		if of != "" {
			value = of + "(" + value + ")"
		}
		fmt.Fprintf(&vars, "%s = mutantLimit(%d, %s)\n", v.Names[0].Name, id, value)
	}
	out := ""
	if consts.Len() > 0 {
		out += "const (\n" + consts.String() + ")\n"
	}
	if vars.Len() > 0 {
		out += "var (\n" + vars.String() + ")\n"
	}
	return out
}

// Overlay writes the changed files into dir and returns the file for go's -overlay.
func (s *Set) Overlay(dir string) (string, error) {
	replace := map[string]string{}
	for path, src := range s.files {
		abs, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		to := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(to, src, 0o666); err != nil {
			return "", err
		}
		replace[abs] = to
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, b, 0o666)
}

// Sample returns n of the mutants, evenly spread; all of them when n is 0.
func (s *Set) Sample(n int) []Mutant {
	if n <= 0 || n >= len(s.Mutants) {
		return slices.Clone(s.Mutants)
	}
	out := make([]Mutant, 0, n)
	for i := range n {
		out = append(out, s.Mutants[i*len(s.Mutants)/n])
	}
	return out
}

// String is the mutant in a line.
func (m *Mutant) String() string {
	return m.File + ":" + strconv.Itoa(m.Line) + ": " + m.Func + ": " + m.Was + " -> " + m.Is
}
