package pipelines

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/pairs"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
	"github.com/steelyard-ml/steelyard/transforms/readpairs"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
	"github.com/steelyard-ml/steelyard/transforms/tokenize"
	"github.com/steelyard-ml/steelyard/transforms/writecache"
)

// ErrRunFailed is returned when the pipeline ran to its end and the run is recorded as failed all the same: more rows were malformed than
// allowed (mend the rows that quarantine shows, or allow a larger share), or another run changed the cache meanwhile (run it again).
var ErrRunFailed = errors.New("the run failed")

// A Summary is what a run did.
type Summary struct {
	Run      schemas.Run      // as recorded, with its counts
	Elapsed  time.Duration    // of the whole run
	Counters map[string]int64 // of the runner, by "namespace/name"
}

// RunPrecompute makes the data set of the options ready in a cache, new or not: it looks at the inputs and the model, claims the
// directory, takes over what runs that died had finished, runs the pipeline over what the cache lacks and reads the record that the
// commit left.
//
// The Summary is as complete as the run got, also beside an error. An interrupted or broken run is recorded as failed.
func RunPrecompute(ctx context.Context, o Options) (Summary, error) {
	start := time.Now()
	if err := o.Validate(); err != nil {
		return Summary{}, fmt.Errorf("precompute: %w", err)
	}
	o = o.withDefaults()
	g, err := plan(ctx, o)
	if err != nil {
		return Summary{}, fmt.Errorf("precompute: %w", err)
	}
	st, err := storage.OpenURL(ctx, o.Cache)
	if err != nil {
		return Summary{}, fmt.Errorf("precompute: %w", err)
	}
	claim, err := cache.Begin(ctx, st, g.Commit.Run)
	if err != nil {
		return Summary{}, fmt.Errorf("precompute: %w", err)
	}
	defer claim.Release()
	g.Write.Base, g.Commit.Base, g.Commit.Run.Adopted = claim.Base, claim.Base, claim.Adopted
	run := g.Commit.Run
	if o.Adopted != nil && len(claim.Adopted)+len(claim.Dropped) > 0 {
		o.Adopted(claim.Adopted, claim.Dropped)
	}

	counters, err := execute(ctx, o, g)
	out := Summary{Run: run, Elapsed: time.Since(start), Counters: counters}
	err = errors.Join(err, writecache.Forget(g.Write))
	// The record is written and read also where ctx has ended.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err != nil {
		err = errors.Join(fmt.Errorf("precompute: run %s: %w", run.ID, err), cache.Fail(after, st, run, err))
	}
	record, rerr := cache.Record(after, st, run.ID)
	if rerr != nil {
		return out, errors.Join(err, fmt.Errorf("precompute: %w", rerr))
	}
	out.Run = record
	switch {
	case err != nil:
		return out, err
	case record.State == schemas.RunFailed:
		return out, fmt.Errorf("precompute: %w: %s", ErrRunFailed, record.Why)
	case record.State != schemas.RunDone:
		return out, fmt.Errorf("precompute: the runner says that it is done, and the record of run %s says %q: nothing was committed", run.ID, record.State)
	}
	return out, nil
}

// plan looks at everything a run is made of and returns its graph. Faults of inputs, model and tokenizer are found here.
func plan(ctx context.Context, o Options) (Graph, error) {
	inputs, err := pairs.Inputs(ctx, o.Inputs)
	if err != nil {
		return Graph{}, err
	}
	items, err := pairs.Plan(ctx, inputs, o.Pairs)
	if err != nil {
		return Graph{}, err
	}
	ref, err := reflogp.Open(ctx, o.Engine, o.Model)
	if err != nil {
		return Graph{}, err
	}
	tok := o.tokenize()
	tok.Vocab, tok.Positions = ref.Vocab, ref.Positions
	described, err := tokenize.Describe(tok)
	if err != nil {
		return Graph{}, err
	}
	st, err := storage.OpenURL(ctx, o.Cache)
	if err != nil {
		return Graph{}, err
	}
	// Workers may have another directory, so what travels to them is absolute; what is recorded keeps the names that the user gave.
	url := o.Cache
	if scheme, _, remote := strings.Cut(url, "://"); !remote || scheme == "file" {
		url = st.URL("")
	}
	model, err := o.Model.Absolute()
	if err != nil {
		return Graph{}, err
	}
	travelling := []*string{&tok.Tokenizer, &url}
	for i := range items {
		travelling = append(travelling, &items[i].Path)
	}
	for _, path := range travelling {
		if *path, err = absolute(*path); err != nil {
			return Graph{}, err
		}
	}
	if _, err := tokenize.Open(ctx, tok); err != nil { // as workers of this process will ask for it
		return Graph{}, err
	}

	g := Graph{
		Items:    items,
		Read:     readpairs.Options{Pairs: o.Pairs, Run: o.ID},
		Tokenize: tok,
		Score: reflogp.Options{
			Model: model, Engine: o.Engine, Fingerprint: ref.Fingerprint, Threads: o.Threads, BatchTokens: o.BatchTokens, Run: o.ID,
		},
		Write: writecache.Options{URL: url, Sink: cache.Options{
			Run: o.ID, Fingerprint: ref.Fingerprint, TokenLogps: o.TokenLogps, RollEvery: o.RollEvery,
		}},
		Commit: writecache.CommitOptions{
			URL: url, MaxQuarantine: o.MaxQuarantine,
			Run: schemas.Run{
				ID: o.ID, Owner: owner(), Program: o.Program, Runner: o.Runner, Started: o.Started,
				Options: o.Record, Fingerprint: ref.Fingerprint,
			},
			View: schemas.View{Tokens: described, Options: o.Record},
		},
	}
	for _, in := range inputs {
		g.Write.Paths = append(g.Write.Paths, in.Path)
		g.Commit.View.Inputs = append(g.Commit.View.Inputs, schemas.ViewInput{Path: in.Path, Bytes: in.Bytes})
	}
	return g, nil
}

// absolute is filepath.Abs that leaves addresses of stores as they are.
func absolute(path string) (string, error) {
	if strings.Contains(path, "://") {
		return path, nil
	}
	return filepath.Abs(path)
}

// execute builds and runs the pipeline, and tells of its progress.
func execute(ctx context.Context, o Options, g Graph) (map[string]int64, error) {
	p, s := beam.NewPipelineWithRoot()
	Precompute(s, g)
	stop := report(ctx, o, g.Items)
	defer stop()
	return o.Execute(ctx, p)
}

// NewRunID returns a name for a run that starts now: names sort by time. Example: "20261123T180351Z-3f9a".
func NewRunID(now time.Time) string {
	return now.UTC().Format("20060102T150405Z") + "-" + strings.ToLower(rand.Text()[:4])
}

// owner is this process.
func owner() schemas.Owner {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	out := schemas.Owner{Host: host, PID: os.Getpid()}
	if u, err := user.Current(); err == nil {
		out.User = u.Username
	}
	return out
}
