package writecache

import (
	"context"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

func init() {
	register.DoFn3x1[context.Context, schemas.CachedPair, func(cache.Done), error](&pairsFn{})
	register.DoFn3x1[context.Context, schemas.Quarantined, func(cache.Done), error](&quarantineFn{})
	register.Emitter1[cache.Done]()
}

// Options say where a run writes. They travel to the workers as JSON.
type Options struct {
	// URL names the cache: a directory, at the same place on every worker, or an address of a store.
	URL string `json:"url"`
	// Sink says how files are laid out; its Run and Fingerprint must be set.
	Sink cache.Options `json:"sink"`
	// Base is the digest of the snapshot that the run grows from, as cache.Begin returned it; "" for a new cache.
	Base string `json:"base,omitempty"`
	// Paths are the input files by number. They name the file of a quarantined row whose step knew only the number.
	Paths []string `json:"paths,omitempty"`
}

func (o Options) mustWork(transform string) {
	switch {
	case o.URL == "":
		panic(transform + ": url: name the cache")
	case o.Sink.Run == "":
		panic(transform + ": sink: the run has no id")
	}
}

// Pairs writes scored pairs.
//
//	PCollection<schemas.CachedPair> → PCollection<cache.Done>
func Pairs(s beam.Scope, scored beam.PCollection, o Options) beam.PCollection {
	s = s.Scope("writecache.Pairs")
	o.mustWork("writecache.Pairs")
	o.Paths = nil // only quarantine needs them
	return beam.ParDo(s, &pairsFn{bundle{Options: o}}, scored)
}

// Quarantine writes rows that were not scored.
//
//	PCollection<schemas.Quarantined> → PCollection<cache.Done>
//
// Every step that refuses rows has one of its own, fused with it: to flatten the steps' outputs would carry rows through a shuffle on
// runners that don't fuse a flatten.
func Quarantine(s beam.Scope, bad beam.PCollection, o Options) beam.PCollection {
	s = s.Scope("writecache.Quarantine")
	o.mustWork("writecache.Quarantine")
	return beam.ParDo(s, &quarantineFn{bundle{Options: o}}, bad)
}

// A bundle is what the DoFns that write have in common: their options, which travel, and the sink of the bundle at hand.
type bundle struct {
	Options Options `json:"options"`

	sink sink
}

func (b *bundle) StartBundle(context.Context, func(cache.Done)) { b.sink.abort() }

func (b *bundle) FinishBundle(ctx context.Context, done func(cache.Done)) error {
	return b.sink.close(ctx, done)
}

type pairsFn struct{ bundle }

func (f *pairsFn) ProcessElement(ctx context.Context, p schemas.CachedPair, _ func(cache.Done)) error {
	if err := f.sink.open(ctx, f.Options); err != nil {
		return err
	}
	return f.sink.Write(ctx, p)
}

type quarantineFn struct{ bundle }

func (f *quarantineFn) ProcessElement(ctx context.Context, q schemas.Quarantined, _ func(cache.Done)) error {
	if err := f.sink.open(ctx, f.Options); err != nil {
		return err
	}
	if n := int(q.Source.File); q.Path == "" && n < len(f.Options.Paths) {
		q.Path = f.Options.Paths[n]
	}
	return f.sink.Quarantine(ctx, q)
}

// A sink is a bundle's cache.Sink, opened by its first row: a bundle without rows leaves no file.
type sink struct{ *cache.Sink }

func (s *sink) open(ctx context.Context, o Options) error {
	if s.Sink != nil {
		return nil
	}
	st, err := storage.OpenURL(ctx, o.URL)
	if err != nil {
		return fmt.Errorf("writecache: %w", err)
	}
	s.Sink = cache.NewSink(st, o.Sink)
	return nil
}

// abort drops what an earlier bundle left that never finished.
func (s *sink) abort() {
	if s.Sink != nil {
		s.Abort()
		s.Sink = nil
	}
}

// close closes the bundle's files and gives on what they are. On an error the files are dropped with the next bundle.
func (s *sink) close(ctx context.Context, emit func(cache.Done)) error {
	if s.Sink == nil {
		return nil
	}
	done, err := s.Close(ctx)
	if err != nil {
		s.abort()
		return err
	}
	s.Sink = nil
	emit(done)
	return nil
}
