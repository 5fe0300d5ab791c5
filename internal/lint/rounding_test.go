package lint

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// rounded are the packages whose floating-point results must be the same bits on every machine (docs/numerics.md).
var rounded = []string{"./internal/simd", "./model/cpu/...", "./trainer/..."}

// The compiler may fuse x*y + z into one instruction with one rounding where the machine has it (arm64, and amd64 from GOAMD64=v3 on).
// An explicit conversion around the product forbids that, so every product that is added to something must stand in one.
func TestProductsAreRounded(t *testing.T) {
	export := map[string]string{}
	for _, p := range goList(t, append([]string{"-export", "-deps"}, rounded...)...) {
		export[p.ImportPath] = p.Export
	}
	for _, p := range goList(t, rounded...) {
		fset := token.NewFileSet()
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		for _, pos := range fusible(t, fset, p.ImportPath, files, export) {
			t.Errorf("%s: a product is added without being rounded first: write float32(x*y) or float64(x*y)", fset.Position(pos))
		}
	}
}

func TestFusibleIsFound(t *testing.T) {
	const src = `package p
func f(a, b, c float32, i, j int, x float64) float32 {
	bad := a*b + c
	bad += a * b
	bad = c - (a * b)
	good := float32(a*b) + c
	good += float32(a * b)
	bad = -(a * b) + c
	_ = i*j + i
	_ = x*2 + 1
	const k = 2.0*3.0 + 1.0
	held := a * b
	bad += held
	good = float32(a * b)
	bad += good
	s := []float32{a}
	s[i] = a * b
	bad += s[i]
	good += s[j]
	s[j] *= c
	bad += s[j]
	bad += c - h(a, b)
	return bad + good
}
func g(s []float32, i int, x float32) float32 { return s[i] + x }
func h(a, b float32) float32 { return a * b }`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, pos := range fusible(t, fset, "p", []*ast.File{file}, nil) {
		lines = append(lines, fset.Position(pos).Line)
	}
	if want := []int{3, 4, 5, 8, 10, 13, 18, 19, 21, 22}; !slices.Equal(lines, want) {
		t.Errorf("found fusible products in lines %v, want %v", lines, want)
	}
}

// fusible returns the places of floating-point products that are an operand of + or -, or of += or -=.
func fusible(t *testing.T, fset *token.FileSet, path string, files []*ast.File, export map[string]string) []token.Pos {
	t.Helper()
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(export[path]) })}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	if _, err := conf.Check(path, fset, files, info); err != nil {
		t.Fatal(err)
	}
	isFloat := func(e ast.Expr) bool {
		basic, ok := info.Types[e].Type.Underlying().(*types.Basic)
		return ok && basic.Info()&(types.IsFloat|types.IsComplex) != 0
	}
	held := map[types.Object]bool{} // variables that a product is assigned to, functions that return one: the compiler may fuse across statements and calls
	var places map[string]bool      // and elements and fields, as a function writes them: it may fuse across memory
	product := func(e ast.Expr) bool {
		for {
			if paren, ok := e.(*ast.ParenExpr); ok {
				e = paren.X
			} else if minus, ok := e.(*ast.UnaryExpr); ok && minus.Op == token.SUB {
				e = minus.X
			} else {
				break
			}
		}
		switch e := e.(type) {
		case *ast.Ident:
			return held[info.Uses[e]]
		case *ast.CallExpr:
			name, ok := e.Fun.(*ast.Ident)
			return ok && held[info.Uses[name]]
		}
		if places[types.ExprString(e)] {
			return true
		}
		b, ok := e.(*ast.BinaryExpr)
		if !ok || b.Op != token.MUL {
			return false
		}
		return info.Types[b].Value == nil && isFloat(b)
	}
	hold := func(n ast.Node) bool {
		if f, ok := n.(*ast.FuncDecl); ok {
			ast.Inspect(f, func(m ast.Node) bool {
				if r, ok := m.(*ast.ReturnStmt); ok && len(r.Results) == 1 && product(r.Results[0]) {
					held[info.ObjectOf(f.Name)] = true
				}
				return true
			})
		}
		assign, ok := n.(*ast.AssignStmt)
		if !ok || len(assign.Lhs) != len(assign.Rhs) {
			return true
		}
		for i, to := range assign.Lhs {
			switch assign.Tok {
			case token.ASSIGN, token.DEFINE:
				if !product(assign.Rhs[i]) {
					continue
				}
			case token.MUL_ASSIGN:
				if !isFloat(to) {
					continue
				}
			default:
				continue
			}
			if name, ok := to.(*ast.Ident); ok {
				held[info.ObjectOf(name)] = true
			} else {
				places[types.ExprString(to)] = true
			}
		}
		return true
	}
	var found []token.Pos
	look := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if (n.Op == token.ADD || n.Op == token.SUB) && (product(n.X) || product(n.Y)) {
				found = append(found, n.Pos())
			}
		case *ast.AssignStmt:
			if (n.Tok == token.ADD_ASSIGN || n.Tok == token.SUB_ASSIGN) && product(n.Rhs[0]) {
				found = append(found, n.Pos())
			}
		}
		return true
	}
	for _, visit := range []func(ast.Node) bool{func(ast.Node) bool { return false }, look} { // all variables before the first look
		for _, f := range files {
			for _, d := range f.Decls {
				places = map[string]bool{}
				ast.Inspect(d, hold)
				ast.Inspect(d, visit)
			}
		}
	}
	return found
}
