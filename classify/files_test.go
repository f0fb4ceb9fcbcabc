package classify

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shared are the files whose names the others are there to use: facts, limits,
// the case, what is said of it, the verdict, and what a rule is.
func shared(file string) bool {
	return strings.HasPrefix(file, "fact") ||
		slices.Contains([]string{"limits.go", "case.go", "sentence.go", "verdict.go", "rule.go"}, file)
}

// ruleFiles are the files in which the rules of the table stand, by their
// variables.
func ruleFiles(t *testing.T, info *types.Info, files map[string]*ast.File, at func(types.Object) string) map[string]bool {
	t.Helper()
	out := map[string]bool{"unclassified.go": true}
	ast.Inspect(files["rules.go"], func(n ast.Node) bool {
		if u, ok := n.(*ast.UnaryExpr); ok && u.Op == token.AND {
			if id, ok := u.X.(*ast.Ident); ok && info.Uses[id] != nil {
				out[at(info.Uses[id])] = true
			}
		}
		return true
	})
	if len(out) < len(rules) {
		t.Fatalf("%d files for %d rules: each has one of its own", len(out), len(rules))
	}
	return out
}

// A rule file uses no name of another rule file, and of all names of other files
// that are used, nearly all are facts, limits and the like.
func TestFilesStandAlone(t *testing.T) {
	fset := token.NewFileSet()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*ast.File{}
	var all []*ast.File
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, p, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[p] = f
		all = append(all, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	pkg, err := config.Check("classify", fset, all, info)
	if err != nil {
		t.Fatal(err)
	}
	at := func(o types.Object) string { return filepath.Base(fset.Position(o.Pos()).Filename) }
	isRule := ruleFiles(t, info, files, at)
	uses, toShared := 0, 0
	others := map[string]int{}
	for id, o := range info.Uses {
		if o.Pkg() != pkg || !o.Pos().IsValid() {
			continue
		}
		from, to := filepath.Base(fset.Position(id.Pos()).Filename), at(o)
		if from == to || from == "rules.go" {
			continue
		}
		uses++
		if shared(to) {
			toShared++
		} else {
			others[to]++
		}
		if isRule[from] && isRule[to] {
			t.Errorf("%s uses %s, which stands in %s", fset.Position(id.Pos()), o.Name(), to)
		}
	}
	if share := float64(toShared) / float64(uses); share < 0.95 {
		t.Errorf("%.1f %% of %d uses go to files that are shared; of the others: %v", 100*share, uses, others)
	} else {
		t.Logf("%.1f %% of %d uses go to files that are shared; of the others: %v", 100*share, uses, others)
	}
}
