package pipelines

import (
	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/readpairs"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
	"github.com/steelyard-ml/steelyard/transforms/tokenize"
	"github.com/steelyard-ml/steelyard/transforms/writecache"
)

// A Graph is everything that the pipeline of a run needs to know.
type Graph struct {
	Items    []schemas.WorkItem
	Read     readpairs.Options
	Tokenize tokenize.Options
	Score    reflogp.Options
	Write    writecache.Options
	Commit   writecache.CommitOptions
}

// Precompute builds the pipeline of a run. It panics where options can't work.
func Precompute(s beam.Scope, g Graph) {
	s = s.Scope("pipelines.Precompute")
	items := readpairs.Items(s, g.Items)
	read, unreadable := readpairs.Read(s, items, g.Read)
	tokens, untokenized := tokenize.Pairs(s, read, g.Tokenize)
	lacking, has := writecache.Split(s, tokens, g.Write)
	scored, unscored := reflogp.Score(s, lacking, g.Score)
	writecache.Commit(s, g.Commit,
		writecache.Pairs(s, scored, g.Write),
		writecache.Reused(s, has, g.Write),
		writecache.Quarantine(s, unreadable, g.Write),
		writecache.Quarantine(s, untokenized, g.Write),
		writecache.Quarantine(s, unscored, g.Write),
	)
}
