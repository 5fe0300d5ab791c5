package schemas

import "time"

// FormatVersion is the version of the cache format this program writes; MinReaderVersion the least one that can read it.
const (
	FormatVersion    = 1
	MinReaderVersion = 1
)

// A FileRef names a file of a cache by its path relative to the cache and by its content.
type FileRef struct {
	Path   string `json:"path"`   // slash-separated, relative to the cache
	Bytes  int64  `json:"bytes"`  // size
	SHA256 string `json:"sha256"` // 64 hex digits
}

// A Part is one immutable Parquet file of values with its sorted keys.
type Part struct {
	FileRef
	Run  string  `json:"run"`  // the run that wrote it
	Rows int64   `json:"rows"` // rows, one a distinct pair of this part
	Keys FileRef `json:"keys"` // sorted 16-byte pair ids
}

// A ViewPart is one Parquet file of a view.
type ViewPart struct {
	FileRef
	Rows int64 `json:"rows"`
}

// A ViewRef is a view as a manifest names it. The view's name is the run that wrote it.
type ViewRef struct {
	Name  string     `json:"name"`
	Rows  int64      `json:"rows"`
	Parts []ViewPart `json:"parts"`
	Info  FileRef    `json:"info"` // views/<run>.json, a View
}

// A Manifest is one snapshot of a cache: the only word on what is in it.
type Manifest struct {
	FormatVersion    int         `json:"format_version"`
	MinReaderVersion int         `json:"min_reader_version"`
	Program          string      `json:"program"` // "steelyard 0.1.0"
	Created          time.Time   `json:"created"`
	Previous         string      `json:"previous,omitempty"` // digest of the snapshot this one grew from
	Fingerprint      Fingerprint `json:"fingerprint"`
	Parts            []Part      `json:"parts"`
	Views            []ViewRef   `json:"views"` // oldest first; training reads the last unless told otherwise
}

// A View says how a data set was made into rows of a view: views/<run>.json.
type View struct {
	Name    string      `json:"name"`
	Created time.Time   `json:"created"`
	Inputs  []ViewInput `json:"inputs"` // in order; a row's source counts these from 0
	// Rows made, and rows that were not, by code.
	Rows        int64          `json:"rows"`
	Quarantined map[Code]int64 `json:"quarantined,omitempty"`
	Truncated   int64          `json:"truncated"` // rows with a completion cut by max_length
	Identical   int64          `json:"identical"` // rows whose chosen and rejected have the same tokens
	Diverged    int64          `json:"diverged"`  // rows whose prompt was no token prefix
	Tokens      Fingerprint    `json:"tokens"`    // tokenizer, chat_template, template_date, max_length, truncation_mode, boundary
	Options     map[string]any `json:"options,omitempty"`
}

// A ViewInput is one file of a view's input list.
type ViewInput struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// Names of the items of View.Tokens.
const (
	ItemTokenizer    = "tokenizer"
	ItemChatTemplate = "chat_template"
	ItemTemplateDate = "template_date"
	ItemMaxLength    = "max_length"
	ItemTruncation   = "truncation_mode"
	ItemBoundary     = "boundary"
)

// A RunState is where a run of precompute stands.
type RunState string

// The states of a run.
const (
	RunRunning RunState = "running"
	RunDone    RunState = "done"
	RunFailed  RunState = "failed"
)

// A Run is the record of one execution of precompute into a cache: runs/<run>.json.
type Run struct {
	ID       string         `json:"id"` // sorts by time. Example: "20261123T180351Z-3f9a"
	State    RunState       `json:"state"`
	Why      string         `json:"why,omitempty"` // why it failed
	Owner    Owner          `json:"owner"`
	Program  string         `json:"program"`
	Runner   string         `json:"runner"`
	Started  time.Time      `json:"started"`
	Finished time.Time      `json:"finished,omitzero"`
	Options  map[string]any `json:"options,omitempty"`
	Adopted  []Adopted      `json:"adopted,omitempty"` // what it took over before it began
	Counts   Counts         `json:"counts"`

	Fingerprint Fingerprint `json:"fingerprint"`
}

// An Adopted is what a run took over of one that ended before it was done.
type Adopted struct {
	Run   string `json:"run"`   // that wrote it
	Parts int    `json:"parts"` // whole parts that are in the cache now
	Rows  int64  `json:"rows"`  // values in them
}

// An Owner is the process that launched a run.
type Owner struct {
	Host string `json:"host"`
	PID  int    `json:"pid"`
	User string `json:"user,omitempty"`
}

// Counts is what a run did, in rows and tokens. Rows read = Rows + the sum of Quarantined.
type Counts struct {
	Rows        int64          `json:"rows"`   // rows of the view
	Reused      int64          `json:"reused"` // rows of the view whose value was in the cache before
	Scored      int64          `json:"scored"` // values computed, repeats left out
	Tokens      int64          `json:"tokens"` // tokens of those values, a pair's prompt once; what pairs share counts for each
	Completion  int64          `json:"completion_tokens"`
	Quarantined map[Code]int64 `json:"quarantined,omitempty"`
	Truncated   int64          `json:"truncated"`
	Identical   int64          `json:"identical"`
	Diverged    int64          `json:"diverged"`
}
