package lint

import (
	"slices"
	"strings"
	"testing"
)

// table is section 2 of docs/design.md: the packages of ours that each may import. A path ending in /... stands for the whole tree.
var table = []struct {
	tree string
	may  []string
}{
	{".", nil},
	{"schemas", nil},
	{"storage/...", []string{"storage/..."}},
	{"pairs", []string{"schemas", "storage", "internal/parquetfile"}},
	{"cache/...", []string{"schemas", "storage", "cache/...", "internal/parquetfile"}},
	{"internal/simd/...", []string{"internal/simd/...", "internal/memory"}},
	{"internal/memory", nil},
	{"internal/parquetfile", nil},
	{"internal/tol", nil},
	{"internal/lint", nil},
	{"internal/config", nil},
	{"model/family", []string{"model"}},
	{"model/checkpoint/...", []string{"model", "model/family", "model/checkpoint/..."}},
	{"model/tokenizer/...", []string{"model", "model/tokenizer/..."}},
	{"model/chat/...", []string{"model", "model/chat/..."}},
	{"model/cpu/internal/...", []string{"model", "internal/simd", "internal/memory", "model/cpu/internal/..."}},
	{"model/cpu", []string{"model", "model/checkpoint/...", "internal/simd", "internal/memory", "model/cpu/internal/..."}},
	{"model", []string{"internal/simd"}},
	{"transforms/internal/...", []string{"schemas", "pairs", "cache", "storage", "model/..."}},
	{"transforms/...", []string{"schemas", "pairs", "cache", "storage", "model/...", "transforms/internal/..."}},
	{"pipelines", []string{"schemas", "transforms/...", "pairs", "cache", "storage", "model/..."}},
	{"runners/...", []string{"runners/..."}},
	{"trainer/optim", []string{"internal/simd", "internal/memory", "model", "model/checkpoint/..."}},
	{"trainer/...", []string{"schemas", "cache", "cache/perm", "model", "model/checkpoint/...", "trainer/..."}},
	{"cmd/...", []string{"..."}},
	{"bench/...", []string{"..."}},
}

// exclusive says which of our packages alone may import a package from outside.
var exclusive = []struct {
	outside string
	may     []string
}{
	{"unsafe", []string{"internal/simd/...", "internal/memory"}},
	{"github.com/parquet-go/parquet-go", []string{"pairs", "cache/...", "internal/parquetfile"}},
	{"github.com/spf13/cobra", []string{"cmd/..."}},
	{"github.com/apache/beam/sdks/v2/go/pkg/beam/runners", []string{"runners/..."}},
	{"github.com/apache/beam", []string{"transforms/...", "pipelines", "runners/...", "cmd/...", "bench"}},
	{"cloud.google.com", []string{"storage/gs"}},
	{"C", nil},
}

// within reports whether a package lies in a tree: "cache" is itself alone, "cmd/..." also what is below, "..." everything.
func within(rel, tree string) bool {
	root, whole := strings.CutSuffix(tree, "...")
	if !whole {
		return rel == tree
	}
	return strings.HasPrefix(rel+"/", root)
}

func withinAny(rel string, trees []string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool { return within(rel, tree) })
}

func TestImportTable(t *testing.T) {
	for _, p := range packages(t) {
		i := -1
		for n, row := range table {
			if within(p.rel(), row.tree) {
				i = n
				break
			}
		}
		if i < 0 {
			t.Errorf("%s is not in the import table: decide its place in docs/design.md, section 2, and in this test", p.rel())
			continue
		}
		for _, imp := range p.Imports {
			if rel, own := strings.CutPrefix(imp, module+"/"); own || imp == module {
				if !own {
					rel = "."
				}
				if !withinAny(rel, table[i].may) {
					t.Errorf("%s imports %s; it may import %q", p.rel(), rel, table[i].may)
				}
				if within(p.rel(), "cmd/...") && rel == "internal/simd" {
					t.Errorf("%s imports internal/simd: kernels are the engine's alone", p.rel())
				}
			}
		}
	}
}

func TestExclusiveImports(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			for _, rule := range exclusive {
				if imp != rule.outside && !strings.HasPrefix(imp, rule.outside+"/") {
					continue
				}
				if !withinAny(p.rel(), rule.may) {
					t.Errorf("%s imports %s; only %q may", p.rel(), imp, rule.may)
				}
				break
			}
		}
	}
}

// A transform never imports its sibling: pipelines put them together.
func TestTransformsAreApart(t *testing.T) {
	for _, p := range packages(t) {
		if !within(p.rel(), "transforms/...") || within(p.rel(), "transforms/internal/...") {
			continue
		}
		for _, imp := range p.Imports {
			rel := strings.TrimPrefix(imp, module+"/")
			if within(rel, "transforms/...") && !within(rel, "transforms/internal/...") {
				t.Errorf("%s imports its sibling %s", p.rel(), rel)
			}
		}
	}
}

// What a library user links by importing these must hold no Beam, no RPC and no cloud.
func TestLeanPackages(t *testing.T) {
	heavy := []string{"github.com/apache/beam", "google.golang.org/grpc", "cloud.google.com", "github.com/aws"}
	for _, p := range goList(t, "./trainer/...", "./model/...", "./cache/...", "./pairs/...", "./storage", "./schemas") {
		for _, dep := range p.Deps {
			for _, h := range heavy {
				if dep == h || strings.HasPrefix(dep, h+"/") {
					t.Errorf("%s links %s", p.rel(), dep)
				}
			}
		}
	}
}
