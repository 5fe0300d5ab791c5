package runners

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
)

// quiet drops Beam's own log lines. It comes after beam.Init, which has put a handler of its own behind slog; lines of others go on to
// that.
func quiet() {
	slog.SetDefault(slog.New(WithoutBeam(slog.Default().Handler())))
}

// WithoutBeam returns a handler that drops what Beam's packages log, hundreds of lines a run, and hands everything else to h. A failure is
// returned as an error anyway. Init puts one behind slog; who replaces slog's default after that may want another.
func WithoutBeam(h slog.Handler) slog.Handler { return withoutBeam{h} }

type withoutBeam struct{ slog.Handler }

func (h withoutBeam) Handle(ctx context.Context, r slog.Record) error {
	frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
	if strings.HasPrefix(frame.Function, "github.com/apache/beam/") {
		heardFrom(r)
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h withoutBeam) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withoutBeam{h.Handler.WithAttrs(attrs)}
}

func (h withoutBeam) WithGroup(name string) slog.Handler {
	return withoutBeam{h.Handler.WithGroup(name)}
}

// lastWords, if set, is called with what a worker's boot says when it gives up: "User program exited: signal: killed". Prism knows it as
// a log line only, and the pool does not know it at all.
var lastWords atomic.Pointer[func(string)]

func heardFrom(r slog.Record) {
	said, ok := strings.CutPrefix(r.Message, "[SDK] ")
	if hear := lastWords.Load(); ok && r.Level > slog.LevelError && hear != nil {
		(*hear)(said)
	}
}
