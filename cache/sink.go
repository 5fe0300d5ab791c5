package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// Options of a Sink. Run and Fingerprint are needed; zero elsewhere means the default.
type Options struct {
	Run         string
	Fingerprint schemas.Fingerprint
	// RowGroupRows and RowGroupBytes bound a row group; 0 means, and more is lowered to, 1,024 rows and 8 MiB of values.
	RowGroupRows  int
	RowGroupBytes int
	// PartRows and RollEvery bound a part of values: what a killed run loses at most. 0 means 65,536 rows and 60 s.
	PartRows  int64
	RollEvery time.Duration
	// TokenLogps keeps the value of each completion token. Without it parts have no token columns at all (not columns of nulls), and
	// what needs them refuses the cache by name.
	TokenLogps bool
}

func (o Options) withDefaults() Options {
	if o.RowGroupRows <= 0 {
		o.RowGroupRows = part.MaxGroupRows
	}
	if o.RowGroupBytes <= 0 {
		o.RowGroupBytes = part.MaxGroupBytes
	}
	if o.PartRows <= 0 {
		o.PartRows = 1 << 16
	}
	if o.RollEvery <= 0 {
		o.RollEvery = time.Minute
	}
	return o
}

func (o Options) validate() error {
	var faults []error
	if err := checkRun(o.Run); err != nil {
		faults = append(faults, fmt.Errorf("run: %w", err))
	}
	if len(o.Fingerprint) == 0 {
		faults = append(faults, errors.New("fingerprint: it is empty; a cache must know what it was made of"))
	}
	return errors.Join(faults...)
}

func (o Options) bounds() part.Bounds {
	return part.Bounds{Rows: o.RowGroupRows, Bytes: o.RowGroupBytes}
}

func (o Options) columns() part.Columns {
	if o.TokenLogps {
		return part.WithTokenLogps
	}
	return part.SumsOnly
}

// A Sink writes what one bundle made, below tmp/<run>/ under names that no other sink uses: parts of values, one part of the view, one
// quarantine file, each begun with its first row. Use it from one goroutine. After an error only Abort is left.
type Sink struct {
	st    storage.Store
	o     Options
	clock func() time.Time
	err   error // the first error; of the options at first

	values *opened[*part.Values]
	began  time.Time // when values was
	view   *opened[*part.Writer[part.ViewRow]]
	bad    *opened[*part.Lines]
	done   Done
}

// opened is a file that is being written, and what will be said of it.
type opened[W any] struct {
	w      W
	staged Staged
}

// NewSink returns a sink that has written nothing yet. Options that are wrong are the error of its first use.
func NewSink(st storage.Store, o Options) *Sink {
	s := &Sink{st: st, o: o.withDefaults(), clock: time.Now}
	if err := o.validate(); err != nil {
		s.err = fmt.Errorf("cache: sink: %w", err)
	}
	return s
}

// Write adds a scored pair: its value, once an ID in a part, and a row of the view. A pair whose id, sums or counts are not those of its
// tokens is an error, and so is a value that is not finite: such a row belongs in Quarantine.
func (s *Sink) Write(ctx context.Context, p schemas.CachedPair) error {
	return s.do("write", func() error {
		v := part.FromPair(&p)
		if err := v.Check(); err != nil {
			return err
		}
		if s.o.TokenLogps && len(p.RefChosenTokenLogps) == 0 {
			return fmt.Errorf("pair %s has no token values; give them, or leave the token columns out", p.ID)
		}
		if p.Source.File < 0 || p.Source.Pos < 0 {
			return fmt.Errorf("pair %s has the source %d:%d; file and position count from 0", p.ID, p.Source.File, p.Source.Pos)
		}
		if err := s.value(ctx, v, p.Source); err != nil {
			return err
		}
		return s.viewRow(ctx, &p)
	})
}

// do runs a step and remembers its error.
func (s *Sink) do(op string, step func() error) error {
	if s.err == nil {
		if err := step(); err != nil {
			s.err = fmt.Errorf("cache: %s: %w", op, err)
		}
	}
	return s.err
}

func (s *Sink) value(ctx context.Context, v part.Value, src schemas.Source) error {
	k, err := part.ParseKey(v.PairID)
	if err != nil {
		return err
	}
	if o := s.values; o != nil && (o.w.Rows() >= s.o.PartRows || o.w.Full() || s.clock().Sub(s.began) >= s.o.RollEvery) {
		if err := s.closeValues(ctx); err != nil {
			return err
		}
	}
	if s.values == nil {
		name := "values-" + unique()
		staged := Staged{Name: name + ".parquet", Keys: name + ".keys", First: src}
		w, err := part.CreateValues(ctx, s.st, stagedPath(s.o.Run, staged.Name), stagedPath(s.o.Run, staged.Keys),
			part.Footer{Run: s.o.Run, Fingerprint: s.o.Fingerprint}, s.o.bounds(), s.o.columns())
		if err != nil {
			return err
		}
		s.values, s.began = &opened[*part.Values]{w, staged}, s.clock()
	}
	o := s.values
	if o.w.Has(k) {
		return nil
	}
	o.staged.add(src, Tally{
		Scored:           1,
		Tokens:           int64(len(v.PromptIDs) + len(v.ChosenIDs) + len(v.RejectedIDs)),
		CompletionTokens: int64(len(v.ChosenIDs) + len(v.RejectedIDs)),
	})
	return o.w.Write(k, v)
}

func (s *Sink) viewRow(ctx context.Context, p *schemas.CachedPair) error {
	if s.view == nil {
		staged := Staged{Name: "view-" + unique() + ".parquet", First: p.Source}
		w, err := part.CreateView(ctx, s.st, stagedPath(s.o.Run, staged.Name), part.Footer{Run: s.o.Run}, s.o.bounds())
		if err != nil {
			return err
		}
		s.view = &opened[*part.Writer[part.ViewRow]]{w, staged}
	}
	row := part.ViewRow{PairID: p.ID, SourceFile: p.Source.File, SourcePos: p.Source.Pos, Meta: p.Meta}
	s.view.staged.add(p.Source, Tally{
		Rows:      1,
		Truncated: one(p.ChosenTruncated || p.RejectedTruncated),
		Identical: one(slices.Equal(p.ChosenIDs, p.RejectedIDs)),
		Diverged:  one(p.Diverged),
	})
	return s.view.w.Write(row, row.Bytes())
}

// Quarantine adds a row that was not scored.
func (s *Sink) Quarantine(ctx context.Context, q schemas.Quarantined) error {
	return s.do("quarantine", func() error {
		if s.bad == nil {
			staged := Staged{Name: "quarantine-" + unique() + ".jsonl", First: q.Source}
			w, err := part.CreateLines(ctx, s.st, stagedPath(s.o.Run, staged.Name))
			if err != nil {
				return err
			}
			s.bad = &opened[*part.Lines]{w, staged}
		}
		s.bad.staged.add(q.Source, Tally{Quarantined: []CodeCount{{q.Code, 1}}})
		return s.bad.w.Write(q)
	})
}

// Close publishes everything and returns its names. A sink that was given nothing makes nothing.
func (s *Sink) Close(ctx context.Context) (Done, error) {
	err := s.do("close", func() error {
		if s.values != nil {
			if err := s.closeValues(ctx); err != nil {
				return err
			}
		}
		if s.view != nil {
			ref, _, err := s.view.w.Close()
			if err != nil {
				return err
			}
			s.done.Views = append(s.done.Views, s.view.staged.closed(ref))
			s.view = nil
		}
		if s.bad != nil {
			ref, err := s.bad.w.Close()
			if err != nil {
				return err
			}
			s.done.Quarantine = append(s.done.Quarantine, s.bad.staged.closed(ref))
			s.bad = nil
		}
		return nil
	})
	if err != nil {
		s.Abort()
		return Done{}, err
	}
	s.err = errors.New("cache: the sink is closed")
	return s.done, nil
}

func (s *Sink) closeValues(ctx context.Context) error {
	o := s.values
	s.values = nil
	ref, keys, err := o.w.Close(ctx)
	if err != nil {
		return err
	}
	staged := o.staged.closed(ref)
	staged.KeysBytes, staged.KeysSHA256 = keys.Bytes, keys.SHA256
	s.done.Values = append(s.done.Values, staged)
	return nil
}

// Abort drops what is open. Parts that were rolled stay below tmp/<run>/: nothing names them, so they are in no cache. After Close it
// does nothing.
func (s *Sink) Abort() {
	if s.values != nil {
		s.values.w.Abort()
	}
	if s.view != nil {
		s.view.w.Abort()
	}
	if s.bad != nil {
		s.bad.w.Abort()
	}
	s.values, s.view, s.bad = nil, nil, nil
	if s.err == nil {
		s.err = errors.New("cache: the sink was aborted")
	}
}

// add counts a row of that source.
func (p *Staged) add(src schemas.Source, t Tally) {
	p.Rows++
	if src.Less(p.First) {
		p.First = src
	}
	p.Tally.Add(t)
}

// closed returns the staged part with the size and digest of its file.
func (p Staged) closed(ref schemas.FileRef) Staged {
	p.Bytes, p.SHA256 = ref.Bytes, ref.SHA256
	return p
}

// unique returns a part of a name that no other sink makes.
func unique() string { return strings.ToLower(rand.Text()) }

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
