package pairs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/steelyard-ml/steelyard/schemas"
)

// A row is one row as it was read: its value, or why it has none.
type row struct {
	pos   int64 // as schemas.Source.Pos counts
	raw   string
	value value
	fault error // a refusal
}

// rows reads one range of a file, row by row.
type rows interface {
	// next returns the next row, io.EOF after the last, or what made the file unreadable.
	next() (row, error)
}

// textRows are the rows of a text, which can also be found without being parsed.
type textRows interface {
	rows
	// advance moves to the next row and returns its position and the size of its text, io.EOF after the last.
	advance() (pos, size int64, err error)
}

// textRow parses the text of a row. A text that exceeded the limit is only its beginning; size is then its true length.
func textRow(pos int64, text []byte, size int64, limit int) row {
	if size > int64(limit) {
		return row{pos: pos, raw: clip(string(text[:min(len(text), schemas.RawLimit+utf8.UTFMax)])), fault: tooLarge(size, limit)}
	}
	s := string(text)
	v, err := parse(s)
	return row{pos: pos, raw: clip(s), value: v, fault: err}
}

func tooLarge(size int64, limit int) error {
	return refuse(schemas.CodeRowTooLarge, "the row has %d bytes, more than the %d that --max-row-bytes allows; raise it or shorten the row", size, limit)
}

// lineReader reads the lines that begin in a range of a stream. A line is a row unless it is blank. Its position is the offset of its
// first byte; a byte order mark belongs to the first line.
type lineReader struct {
	r     *bufio.Reader
	pos   int64 // of the next byte
	end   int64 // where the range ends, or < 0
	limit int
	buf   []byte
}

// newLines reads the lines beginning in [begin, end) of the file's text; end < 0 means the end of the file.
func newLines(f *file, begin, end int64, limit int) (*lineReader, io.Closer, error) {
	// The byte before begin tells whether a line begins there.
	from := max(0, begin-1)
	stream, err := f.stream(from)
	if err != nil {
		return nil, nil, err
	}
	l := &lineReader{r: bufio.NewReaderSize(stream, 1<<16), pos: from, end: end, limit: limit}
	if begin > 0 {
		if _, _, err := l.line(0); err != nil && err != io.EOF {
			return nil, nil, errors.Join(err, stream.Close())
		}
	}
	return l, stream, nil
}

func (l *lineReader) next() (row, error) {
	pos, size, err := l.advance()
	if err != nil {
		return row{}, err
	}
	return textRow(pos, l.buf, size, l.limit), nil
}

// advance reads to the next row and returns its position and size; its text, or the beginning of one too large, is in l.buf.
func (l *lineReader) advance() (pos, size int64, err error) {
	for l.end < 0 || l.pos < l.end {
		pos = l.pos
		size, whole, err := l.line(l.limit)
		if err != nil && (err != io.EOF || size == 0) {
			return 0, 0, err
		}
		if pos == 0 && bytes.HasPrefix(l.buf, bom) {
			l.buf = l.buf[len(bom):]
			size -= int64(len(bom))
		}
		if whole {
			l.buf = bytes.TrimRight(l.buf, " \t\r\n")
			size = int64(len(l.buf))
		}
		if size > 0 {
			return pos, size, nil
		}
	}
	return 0, 0, io.EOF
}

// line reads through the next newline, keeping at most keep bytes of the line in l.buf. It returns the line's length, without the
// newline, and whether l.buf has all of it. At the end of the stream err is io.EOF, with the size of a last line without newline.
func (l *lineReader) line(keep int) (size int64, whole bool, err error) {
	l.buf = l.buf[:0]
	for {
		chunk, err := l.r.ReadSlice('\n')
		l.pos += int64(len(chunk))
		if err == nil {
			chunk = chunk[:len(chunk)-1]
		}
		size += int64(len(chunk))
		l.buf = append(l.buf, chunk[:min(len(chunk), keep-len(l.buf))]...)
		if err != bufio.ErrBufferFull {
			return size, size == int64(len(l.buf)), err
		}
	}
}

// maxBrackets bounds the brackets that may be open at once in an array file, and so the memory that finding the end of a row takes.
const maxBrackets = 1 << 16

// arrayReader reads the elements of a JSON array, one at a time. It finds an element's end by its brackets and strings alone, so a
// bad element does not hide the next; only brackets that don't match make the rest unreadable.
type arrayReader struct {
	r          *bufio.Reader
	offset     int64 // of the next byte, for messages
	index      int64 // of the next element
	begin, end int64
	limit      int
	buf        []byte
	open       []byte // closing brackets that are due, innermost last
	started    bool
}

// newArray reads the elements with numbers in [begin, end) of an array; end < 0 means all the rest.
func newArray(stream io.Reader, begin, end int64, limit int) *arrayReader {
	return &arrayReader{r: bufio.NewReaderSize(stream, 1<<16), begin: begin, end: end, limit: limit}
}

func (a *arrayReader) next() (row, error) {
	index, size, err := a.advance()
	if err != nil {
		return row{}, err
	}
	return textRow(index, a.buf, size, a.limit), nil
}

// advance reads the next element of the range and returns its number and size; its text, or the beginning of one too large, is in a.buf.
func (a *arrayReader) advance() (index, size int64, err error) {
	for {
		if index, size, err = a.read(); err != nil || index >= a.begin {
			return index, size, err
		}
	}
}

// read reads the next element. After the last it returns io.EOF, having looked that nothing but white space follows.
func (a *arrayReader) read() (index, size int64, err error) {
	if a.end >= 0 && a.index >= a.end {
		return 0, 0, io.EOF
	}
	c, err := a.skipSpace()
	if err != nil {
		return 0, 0, a.cut(err)
	}
	switch {
	case !a.started:
		if c != '[' {
			return 0, 0, fmt.Errorf("byte %d: an array begins with [, not %q", a.offset-1, c)
		}
		a.started = true
		if c, err = a.skipSpace(); err != nil {
			return 0, 0, a.cut(err)
		}
		if c == ']' {
			return 0, 0, a.finish()
		}
	case c == ']':
		return 0, 0, a.finish()
	default: // the comma after the element before
		if c, err = a.skipSpace(); err != nil {
			return 0, 0, a.cut(err)
		}
	}
	if size, err = a.element(c); err != nil {
		return 0, 0, a.cut(err)
	}
	a.index++
	return a.index - 1, size, nil
}

// element reads from c, its first byte, to the comma or bracket after it, which stays unread.
func (a *arrayReader) element(c byte) (size int64, err error) {
	a.buf, a.open = a.buf[:0], a.open[:0]
	keep := a.limit
	if a.index < a.begin {
		keep = 0
	}
	var trailing int64 // white space after the element
	inString := false
	for {
		if !inString && len(a.open) == 0 && (c == ',' || c == ']') {
			if err := a.unread(); err != nil {
				return 0, err
			}
			size -= trailing
			a.buf = a.buf[:min(int64(len(a.buf)), size)]
			return size, nil
		}
		size++
		if len(a.buf) < keep {
			a.buf = append(a.buf, c)
		}
		if isSpace(c) {
			trailing++
		} else {
			trailing = 0
		}
		switch {
		case inString && c == '\\':
			if c, err = a.readByte(); err != nil {
				return 0, err
			}
			size++
			if len(a.buf) < keep {
				a.buf = append(a.buf, c)
			}
		case c == '"':
			inString = !inString
		case inString:
		case c == '{':
			a.open = append(a.open, '}')
		case c == '[':
			a.open = append(a.open, ']')
		case c == '}' || c == ']':
			if len(a.open) == 0 || a.open[len(a.open)-1] != c {
				return 0, fmt.Errorf("byte %d, row %d: the bracket %q closes nothing that is open, so the ends of the rows after it can't be found; mend it there", a.offset-1, a.index, c)
			}
			a.open = a.open[:len(a.open)-1]
		}
		if len(a.open) > maxBrackets {
			return 0, fmt.Errorf("byte %d, row %d: more than %d brackets are open", a.offset-1, a.index, maxBrackets)
		}
		if c, err = a.readByte(); err != nil {
			return 0, err
		}
	}
}

// finish looks at what follows the array: nothing may.
func (a *arrayReader) finish() error {
	c, err := a.skipSpace()
	if err == nil {
		return fmt.Errorf("byte %d: %q stands after the end of the array; a file holds one array, or one object a line", a.offset-1, c)
	}
	a.end = a.index // stay at the end
	return err
}

// cut turns the end of the file inside the array into an error that says so.
func (a *arrayReader) cut(err error) error {
	if err == io.EOF {
		return fmt.Errorf("the file ends inside the array, at byte %d in row %d; it was cut off, fetch or write it again: %w", a.offset, a.index, io.ErrUnexpectedEOF)
	}
	return err
}

// skipSpace returns the next byte that is not white space; at the start of the file it also skips a byte order mark.
func (a *arrayReader) skipSpace() (byte, error) {
	if a.offset == 0 {
		if head, _ := a.r.Peek(len(bom)); bytes.Equal(head, bom) {
			n, _ := a.r.Discard(len(bom))
			a.offset += int64(n)
		}
	}
	for {
		c, err := a.readByte()
		if err != nil || !isSpace(c) {
			return c, err
		}
	}
}

func (a *arrayReader) readByte() (byte, error) {
	c, err := a.r.ReadByte()
	if err == nil {
		a.offset++
	}
	return c, err
}

func (a *arrayReader) unread() error {
	a.offset--
	return a.r.UnreadByte()
}
