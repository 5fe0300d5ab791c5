package pipelines_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/pipelines"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
	"github.com/steelyard-ml/steelyard/transforms/tokenize"
	"github.com/steelyard-ml/steelyard/transforms/writecache"
)

func exampleGraph() pipelines.Graph {
	return pipelines.Graph{
		Items: []schemas.WorkItem{{Path: "a.jsonl", End: -1}},
		Score: reflogp.Options{Model: reflogp.Model{Dir: "model"}},
		Write: writecache.Options{URL: "cache", Sink: cache.Options{Run: "run"}},
	}
}

// Rows never cross a shuffle, nor a flatten: runners hold those in memory.
func TestOnlySmallThingsAreShuffled(t *testing.T) {
	p, s := beam.NewPipelineWithRoot()
	pipelines.Precompute(s, exampleGraph())
	edges, _, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	small := []reflect.Type{reflect.TypeFor[schemas.WorkItem](), reflect.TypeFor[cache.Done]()}
	shuffles := 0
	for _, e := range edges {
		if e.Op == graph.Impulse || e.Op == graph.ParDo {
			continue
		}
		shuffles++
		for _, in := range e.Input {
			typ := in.From.Type()
			for typ.Class() != 0 && len(typ.Components()) > 0 {
				typ = typ.Components()[len(typ.Components())-1] // the value of a KV
			}
			if !slices.Contains(small, typ.Type()) {
				t.Errorf("%v takes a collection of %v", e.Op, in.From.Type())
			}
		}
	}
	if shuffles < 3 {
		t.Errorf("%d shuffles and flattens found, want the reshuffle of items, the flatten and the grouping of what was written", shuffles)
	}
}

func TestScopes(t *testing.T) {
	p, s := beam.NewPipelineWithRoot()
	pipelines.Precompute(s, exampleGraph())
	edges, _, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	var scopes []string
	for _, e := range edges {
		scopes = append(scopes, e.Scope().String()+"/")
	}
	for _, want := range []string{"readpairs.Items", "readpairs.Read", "tokenize.Pairs", "writecache.Split", "reflogp.Score", "writecache.Pairs", "writecache.Reused", "writecache.Quarantine", "writecache.Commit"} {
		if !slices.ContainsFunc(scopes, func(s string) bool { return strings.Contains(s, "/pipelines.Precompute/"+want+"/") }) {
			t.Errorf("nothing in the graph is in scope %s; there are %q", want, scopes)
		}
	}
}

func TestBuildersPanicOnOptionsThatCantWork(t *testing.T) {
	for want, change := range map[string]func(*pipelines.Graph){
		"readpairs.Read":    func(g *pipelines.Graph) { g.Read.Pairs.Limit = -1 },
		"tokenize.Pairs":    func(g *pipelines.Graph) { g.Tokenize.Boundary = tokenize.Boundary("loose") },
		"reflogp.Score":     func(g *pipelines.Graph) { g.Score.Model.Dir = "" },
		"writecache.Split":  func(g *pipelines.Graph) { g.Write.URL = "" },
		"writecache.Commit": func(g *pipelines.Graph) { g.Commit.MaxQuarantine = 2 },
	} {
		t.Run(want, func(t *testing.T) {
			defer func() {
				if v, ok := recover().(string); !ok || !strings.HasPrefix(v, want) {
					t.Errorf("panicked with %q, want the name of the transform", v)
				}
			}()
			g := exampleGraph()
			change(&g)
			_, s := beam.NewPipelineWithRoot()
			pipelines.Precompute(s, g)
		})
	}
}
