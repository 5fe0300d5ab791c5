package upkeep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/schemas"
)

// errNoModel is why a part stays that could be scored again.
var errNoModel = errors.New("no model was given")

// rescue drops a part, and scores what can still be read of it and what no other part has. Without a model a part that has such rows stays.
func (r *repairer) rescue(ctx context.Context, p schemas.Part, what string) error {
	s := rescuer{r: r}
	err := part.Salvage(ctx, r.st, p.Path, func(columns part.Columns, pairs []schemas.TokenPair) error {
		return s.group(ctx, columns, pairs)
	})
	if errors.Is(err, errNoModel) {
		return nil
	}
	if err == nil {
		err = s.close(ctx)
	} else if s.sink != nil {
		s.sink.Abort()
	}
	if err != nil {
		return err
	}
	r.dropped[p.Path] = true
	r.did(p.Path, what, "dropped; "+s.say(p.Rows))
	return nil
}

// A rescuer scores the rows of one damaged part again.
type rescuer struct {
	r    *repairer
	sink *cache.Sink // nil until there is something to write

	scored, elsewhere, refused int64
	why                        string // the first refusal
}

// group scores the pairs of a row group.
func (s *rescuer) group(ctx context.Context, columns part.Columns, pairs []schemas.TokenPair) error {
	r := s.r
	want := slices.DeleteFunc(pairs, func(p schemas.TokenPair) bool {
		k, err := part.ParseKey(p.ID)
		return err != nil || slices.ContainsFunc(r.known, func(set *part.KeySet) bool { return set.Has(k) })
	})
	s.elsewhere += int64(len(pairs) - len(want))
	if len(want) == 0 {
		return nil
	}
	if r.o.Score == nil {
		return errNoModel
	}
	if s.sink == nil {
		if err := r.begin(ctx); err != nil {
			return err
		}
		s.sink = cache.NewSink(r.st, cache.Options{Run: r.o.Run.ID, Fingerprint: r.m.Fingerprint, TokenLogps: columns == part.WithTokenLogps})
	}
	var werr error
	err := r.o.Score(ctx, r.m.Fingerprint, want, func(p schemas.CachedPair) {
		if werr == nil {
			werr = s.sink.Value(ctx, p)
		}
		s.scored++
	}, func(q schemas.Quarantined) {
		if s.refused++; s.why == "" {
			s.why = q.Code + ": " + q.Reason
		}
	})
	return errors.Join(err, werr)
}

// close publishes what was scored.
func (s *rescuer) close(ctx context.Context) error {
	if s.sink == nil {
		return nil
	}
	r := s.r
	done, err := s.sink.Close(ctx)
	if err != nil {
		return err
	}
	parts, err := cache.PublishValues(ctx, r.st, r.o.Run.ID, done.Values)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err := r.know(ctx, p); err != nil {
			return err
		}
	}
	r.add = append(r.add, parts...)
	for _, p := range done.Values {
		r.out.Scored += p.Rows
		r.counts.Scored += p.Tally.Scored
		r.counts.Tokens += p.Tally.Tokens
		r.counts.Completion += p.Tally.CompletionTokens
	}
	return nil
}

// say tells what became of the rows of the part.
func (s *rescuer) say(rows int64) string {
	out := []string{fmt.Sprintf("of its %d rows %d were scored again", rows, s.scored)}
	for _, n := range []struct {
		count int64
		what  string
	}{
		{s.elsewhere, "are in other parts as well"},
		{s.refused, "cannot be scored (" + s.why + ")"},
		{rows - s.scored - s.elsewhere - s.refused, "cannot be read"},
	} {
		if n.count > 0 {
			out = append(out, fmt.Sprintf("%d %s", n.count, n.what))
		}
	}
	return strings.Join(out, ", ")
}
