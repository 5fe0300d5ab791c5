package reflogp

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/internal/dofn"
)

// A Reference is what a launcher needs to know of the reference model before it launches.
type Reference struct {
	Fingerprint schemas.Fingerprint
	Vocab       int   // ids the model knows
	Positions   int   // positions it has
	Bytes       int64 // size of its weight files
}

// references holds what Open found, so that launcher and workers of one process read the weights for their digest once.
var references dofn.Shared[*Reference]

// Open reads and checks a model with an engine and returns its reference: every fault of a model is found here, before any work.
func Open(ctx context.Context, engine string, m Model) (*Reference, error) {
	e, err := engineOf(engine)
	if err != nil {
		return nil, fmt.Errorf("reflogp: %w", err)
	}
	id, err := identity(engine, m)
	if err != nil {
		return nil, err
	}
	return references.Get(ctx, id, func(context.Context) (*Reference, error) {
		r, err := e.Describe(m)
		if err != nil {
			return nil, fmt.Errorf("reflogp: %w", err)
		}
		return r, nil
	})
}

// A loaded is a model in this process.
type loaded struct {
	model.Scorer
	bytes int64
	took  time.Duration
}

// models holds the models of this process. They stay until it ends: workers never say that they are done.
var models dofn.Shared[*loaded]

// load returns the model of the options, loaded once a process, and makes sure that it is the one the run was launched with.
func load(ctx context.Context, o Options) (*loaded, error) {
	e, err := engineOf(o.Engine)
	if err != nil {
		return nil, fmt.Errorf("reflogp: %w", err)
	}
	id, err := identity(o.Engine, o.Model)
	if err != nil {
		return nil, err
	}
	want, err := json.Marshal(o.Fingerprint)
	if err != nil {
		return nil, fmt.Errorf("reflogp: %w", err)
	}
	key := fmt.Sprintf("%s threads %d fingerprint %s", id, o.Threads, want)
	return models.Get(ctx, key, func(ctx context.Context) (*loaded, error) {
		start := time.Now()
		r, err := Open(ctx, o.Engine, o.Model)
		if err != nil {
			return nil, err
		}
		if err := same(o, r.Fingerprint); err != nil {
			return nil, err
		}
		sc, err := e.Load(o.Model, o.Threads)
		if err != nil {
			return nil, fmt.Errorf("reflogp: %w", err)
		}
		return &loaded{Scorer: sc, bytes: r.Bytes, took: time.Since(start)}, nil
	})
}

// same refuses a model that isn't the one the run was launched with.
func same(o Options, got schemas.Fingerprint) error {
	var faults []string
	for _, d := range o.Fingerprint.Differ(got) {
		faults = append(faults, fmt.Sprintf("%s is %s and should be %s", d[0].Name, d[1].Digest, d[0].Digest))
	}
	if faults == nil {
		return nil
	}
	return fmt.Errorf("reflogp: the model at %s is not the one this run was launched with (%s): give every worker the same files",
		o.Model.Dir, strings.Join(faults, "; "))
}

// turn lets one batch at a time into the engine, however many bundles there are: an engine uses all the cores it is given.
var turn = make(chan struct{}, 1)

// Score is the engine's Score, in turn.
func (l *loaded) Score(ctx context.Context, b model.Batch, want model.Want) (model.Scores, error) {
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return model.Scores{}, context.Cause(ctx)
	}
	return l.Scorer.Score(ctx, b, want)
}

// identity names a model and the files that it is made of, with size and time, so that a directory whose files were replaced is
// another model; and so is one of another engine.
func identity(engine string, m Model) (string, error) {
	m, err := m.Absolute()
	if err != nil {
		return "", fmt.Errorf("reflogp: %w", err)
	}
	how, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("reflogp: %w", err)
	}
	id := engine + " " + string(how)
	for _, dir := range []string{m.Dir, m.Adapter} {
		if dir == "" {
			continue
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return "", fmt.Errorf("reflogp: model: %w", err)
		}
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); ext != ".safetensors" && ext != ".json" {
				continue
			}
			// Stat, not Info: model directories are often links into a store.
			info, err := os.Stat(filepath.Join(dir, e.Name()))
			if err != nil {
				return "", fmt.Errorf("reflogp: model: %w", err)
			}
			id += fmt.Sprintf("\n%s %d %d", e.Name(), info.Size(), info.ModTime().UnixNano())
		}
	}
	return id, nil
}

func weightBytes(dir string) int64 {
	var n int64
	files, _ := filepath.Glob(filepath.Join(dir, "*.safetensors")) // the pattern is constant
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			n += info.Size()
		}
	}
	return n
}
