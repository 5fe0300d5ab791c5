package pipelines_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/pipelines"
	"github.com/steelyard-ml/steelyard/runners"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

func TestMain(m *testing.M) {
	runners.Init()
	tol.DoAlone(scaleEnv, scaleJob.do)
	os.Exit(m.Run())
}

func demoModel(t testing.TB) string { return filepath.Join(tol.Root(t), "testdata", "demo", "model") }

// on runs pipelines on a runner.
func on(name string) func(context.Context, *beam.Pipeline) (map[string]int64, error) {
	return func(ctx context.Context, p *beam.Pipeline) (map[string]int64, error) {
		r, err := runners.Run(ctx, name, p)
		return r.Counters, err
	}
}

// options are those of a run on a runner over rows, one a line.
func options(t testing.TB, runner string, lines ...string) pipelines.Options {
	t.Helper()
	o := pipelines.DefaultOptions()
	o.Inputs = []string{write(t, "rows.jsonl", lines...)}
	o.Model.Dir = demoModel(t)
	o.Cache = filepath.Join(t.TempDir(), "cache")
	o.Runner, o.Execute = runner, on(runner)
	o.Started = time.Date(2024, 7, 26, 0, 0, 0, 0, time.UTC)
	return o
}

func write(t testing.TB, name string, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	var text []byte
	for _, l := range lines {
		text = append(text, l...)
		text = append(text, '\n')
	}
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

var (
	subjects = []string{"the sea", "a small town", "winter", "my neighbour's dog", "the night train", "an old map", "bread", "a lighthouse"}
	openings = []string{"Well, ", "Of course. ", "I think that ", "There is not much to say: ", "Once upon a time ", ""}
	endings  = []string{"is blue.", "was here before us, and it will be here when we are gone.", "has no name", "sings!", "keeps its own time, as clocks do in empty houses."}
)

// chats returns n rows of preference data, of different lengths. Of seven in a row the fourth to sixth rank answers of one prompt, and the
// last repeats the row before it.
func chats(t testing.TB, n int) []string {
	t.Helper()
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	var out []string
	for i := range n {
		if i%7 == 6 {
			out = append(out, out[i-1])
			continue
		}
		of, worse := i, 3*i+1
		if i%7 == 4 || i%7 == 5 {
			of = i - i%7 + 3
			worse = of // what was chosen there
		}
		subject := subjects[of%len(subjects)]
		answer := func(k int) []message {
			text := openings[k%len(openings)]
			for range 1 + k%4 {
				text += subject + " " + endings[k%len(endings)] + " "
			}
			return []message{{"assistant", text}}
		}
		row, err := json.Marshal(map[string]any{
			"prompt":   []message{{"user", fmt.Sprintf("Tell me, in %d words, about %s.", 3+of, subject)}},
			"chosen":   answer(i),
			"rejected": answer(worse),
			"score":    i,
		})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(row))
	}
	return out
}

// run runs precompute, which must succeed, and returns its summary and the rows of its cache.
func run(t testing.TB, o pipelines.Options) (pipelines.Summary, []schemas.CachedPair) {
	t.Helper()
	s, err := pipelines.RunPrecompute(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if s.Run.State != schemas.RunDone || s.Run.Counts.Rows == 0 && s.Run.Counts.Scored > 0 {
		t.Fatalf("the run is recorded as %+v", s.Run)
	}
	return s, rows(t, o.Cache)
}

// rows returns the rows of a cache in the order of its newest view.
func rows(t testing.TB, dir string) []schemas.CachedPair {
	t.Helper()
	st, err := storage.OpenURL(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := cache.Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	x, err := snap.Index(t.Context(), "", filepath.Join(t.TempDir(), "index"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	r := snap.Rows(x)
	var out []schemas.CachedPair
	for i := range x.Len() {
		p, err := r.At(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

func status(t testing.TB, dir string) upkeep.Overview {
	t.Helper()
	st, err := storage.OpenURL(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	o, err := upkeep.Status(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	return o
}
