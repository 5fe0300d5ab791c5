package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// A meter shows how far a long command is: on a terminal one line that is written over, elsewhere a plain line now and then.
type meter struct {
	out      io.Writer
	terminal bool
	began    time.Time
	shown    time.Time
	width    int // of the line that stands on the terminal
}

func newMeter(out io.Writer) *meter {
	f, ok := out.(*os.File)
	return &meter{out: out, terminal: ok && term.IsTerminal(int(f.Fd())), began: time.Now()}
}

// show tells of rows done out of a total (0 where it is unknown), of the rate, and of what else is to be said.
func (m *meter) show(what string, done, total int64, tokensPerSecond float64, more string) {
	passed := time.Since(m.began)
	line := fmt.Sprintf("%s %d", what, done)
	if total > 0 {
		line += fmt.Sprintf(" of %d", total)
	}
	line += fmt.Sprintf(", %.0f tokens/s", tokensPerSecond)
	if total > done && done > 0 {
		left := time.Duration(float64(passed) * float64(total-done) / float64(done))
		line += ", " + left.Round(time.Second).String() + " left"
	}
	m.say(line + more)
}

// say shows a line, unless another has just been shown.
func (m *meter) say(line string) {
	every := 10 * time.Second
	if m.terminal {
		every = 200 * time.Millisecond
	}
	if time.Since(m.shown) < every {
		return
	}
	m.shown = time.Now()
	m.print(line)
}

func (m *meter) print(line string) {
	if !m.terminal {
		fmt.Fprintln(m.out, line)
		return
	}
	fmt.Fprintf(m.out, "\r%-*s", m.width, line)
	m.width = len(line)
}

// Write puts lines that stay above the line that is written over.
func (m *meter) Write(text []byte) (int, error) {
	m.done()
	return m.out.Write(text)
}

// done takes the line off the terminal.
func (m *meter) done() {
	if m.terminal && m.width > 0 {
		fmt.Fprintf(m.out, "\r%*s\r", m.width, "")
		m.width = 0
	}
}
