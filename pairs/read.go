package pairs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/steelyard-ml/steelyard/schemas"
)

// Read calls pair for each pair of the item, in order, and bad for each row that is none. It returns what either returns, the
// context's error, or, after the rows before it, why the file can't be read further. Options.Limit does not matter here: the items
// that Plan makes end where it says.
func Read(ctx context.Context, item schemas.WorkItem, o Options, pair func(schemas.Pair) error, bad func(schemas.Quarantined) error) error {
	if err := o.Validate(); err != nil {
		return fmt.Errorf("pairs: options: %w", err)
	}
	o = o.withDefaults()
	f, err := open(item.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	rows, closer, err := f.rows(item.Begin, item.End, o)
	if err != nil {
		return f.at(err)
	}
	defer closer.Close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := rows.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return f.at(err)
		}
		source := schemas.Source{File: item.File, Pos: r.pos}
		p, err := r.pair(o)
		var no *refusal
		switch {
		case errors.As(err, &no):
			err = bad(schemas.Quarantined{Source: source, Path: item.Path, Code: no.code, Reason: no.reason, Raw: r.raw})
		case err == nil:
			p.Source, p.Raw = source, r.raw
			err = pair(p)
		}
		if err != nil {
			return err
		}
	}
}

// at names the file in an error.
func (f *file) at(err error) error { return fmt.Errorf("pairs: input %s: %w", f.path, err) }

// rows reads the rows of a range, whatever the file holds.
func (f *file) rows(begin, end int64, o Options) (rows, io.Closer, error) {
	switch f.content {
	case contentLines, contentArray:
		return f.text(begin, end, o)
	case contentParquet:
		return newParquet(f, begin, end, o)
	}
	return noRows{}, io.NopCloser(nil), nil
}

// text reads the rows of a range of a file of lines or of an array.
func (f *file) text(begin, end int64, o Options) (textRows, io.Closer, error) {
	if f.content == contentLines {
		return newLines(f, begin, end, o.MaxRowBytes)
	}
	stream, err := f.stream(0)
	if err != nil {
		return nil, nil, err
	}
	return newArray(stream, begin, end, o.MaxRowBytes), stream, nil
}

// noRows are the rows of a file that holds white space at most.
type noRows struct{}

func (noRows) next() (row, error) { return row{}, io.EOF }

// pair makes the pair of a row, or returns a refusal.
func (r row) pair(o Options) (schemas.Pair, error) {
	if r.fault != nil {
		return schemas.Pair{}, r.fault
	}
	return pairOf(r.value, o)
}

// clip cuts a row's text to what quarantine keeps, at the boundary of a character, and makes valid UTF-8 of it.
func clip(s string) string {
	if len(s) > schemas.RawLimit {
		n := schemas.RawLimit
		for n > schemas.RawLimit-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		s = strings.Clone(s[:n]) // a piece must not keep a huge row in memory
	}
	if s = strings.ToValidUTF8(s, "\uFFFD"); len(s) > schemas.RawLimit {
		return clip(s) // a replacement is longer than the byte it replaces
	}
	return s
}
