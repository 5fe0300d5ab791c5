package writecache

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

func init() {
	register.DoFn3x1[context.Context, int, func(*cache.Done) bool, error](&commitFn{})
	register.DoFn2x0[[]byte, func(cache.Done)](&sentinelFn{})
	register.Emitter1[cache.Done]()
	register.Iter1[cache.Done]()
}

// CommitOptions say what is committed where.
type CommitOptions struct {
	URL  string
	Run  schemas.Run
	Base string // as in Options
	View schemas.View
	// MaxQuarantine is the largest share of malformed rows, from 0 to 1, with which a run is still done.
	MaxQuarantine float64
}

// Commit makes the written files part of the cache, once all are there.
//
//	PCollection<cache.Done>… → nothing
//
// It runs also where nothing was written: an empty cache is valid.
func Commit(s beam.Scope, o CommitOptions, done ...beam.PCollection) {
	s = s.Scope("writecache.Commit")
	if !(o.MaxQuarantine >= 0 && o.MaxQuarantine <= 1) {
		panic("writecache.Commit: max_quarantine: a share from 0 to 1")
	}
	fn := &commitFn{URL: o.URL, Base: o.Base, MaxQuarantine: o.MaxQuarantine, Run: mustJSON(o.Run), View: mustJSON(o.View)}
	// A group of nothing never comes, so something must always be there.
	done = append(done, beam.ParDo(s, &sentinelFn{}, beam.Impulse(s)))
	beam.ParDo0(s, fn, beam.GroupByKey(s, beam.AddFixedKey(s, beam.Flatten(s, done...))))
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("writecache.Commit: %v", err))
	}
	return string(b)
}

type sentinelFn struct{}

func (sentinelFn) ProcessElement(_ []byte, emit func(cache.Done)) { emit(cache.Done{}) }

type commitFn struct {
	URL           string  `json:"url"`
	Base          string  `json:"base"`
	MaxQuarantine float64 `json:"max_quarantine"`
	// Run and View are JSON: their types hold maps of any, which Beam's registry refuses.
	Run  string `json:"run"`
	View string `json:"view"`
}

func (f *commitFn) ProcessElement(ctx context.Context, _ int, next func(*cache.Done) bool) error {
	c := cache.Commit{Base: f.Base, MaxQuarantine: f.MaxQuarantine}
	if err := json.Unmarshal([]byte(f.Run), &c.Run); err != nil {
		return fmt.Errorf("writecache: run: %w", err)
	}
	if err := json.Unmarshal([]byte(f.View), &c.View); err != nil {
		return fmt.Errorf("writecache: view: %w", err)
	}
	for done := (cache.Done{}); next(&done); done = (cache.Done{}) {
		c.Done = append(c.Done, done)
	}
	st, err := storage.OpenURL(ctx, f.URL)
	if err != nil {
		return fmt.Errorf("writecache: %w", err)
	}
	_, _, err = c.Do(ctx, st)
	return err
}
