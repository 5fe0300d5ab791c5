package runners

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
)

// quiet drops Beam's own log lines. It comes after beam.Init, which has put a handler of its own behind slog; lines of others go on to
// that.
func quiet() {
	slog.SetDefault(slog.New(withoutBeam{slog.Default().Handler()}))
}

// withoutBeam is a handler that drops what Beam's packages log: hundreds of lines a run, and a failure is returned as an error anyway.
type withoutBeam struct{ slog.Handler }

func (h withoutBeam) Handle(ctx context.Context, r slog.Record) error {
	frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
	if strings.HasPrefix(frame.Function, "github.com/apache/beam/") {
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
