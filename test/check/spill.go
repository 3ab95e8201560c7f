// Events in files: spread by conversation and by person, so that whatever is checked together lies together.

package check

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"path/filepath"
)

// The two families of files.
const (
	byConversation = iota
	byPerson
	families
)

const spillBuffer = 16 << 10 // bytes a file

// spill is the files of one checker.
type spill struct {
	limits Limits
	dir    string
	seed   maphash.Seed
	files  [families][]*bucket
	line   []byte
	bytes  int64 // written so far
}

type bucket struct {
	file   *os.File
	to     *bufio.Writer
	events int
}

func newSpill(l Limits) (*spill, error) {
	dir, err := os.MkdirTemp(l.Dir, "history-*")
	if err != nil {
		return nil, fmt.Errorf("a folder for the history: %w", err)
	}
	s := &spill{limits: l, dir: dir, seed: maphash.MakeSeed()}
	for family := range s.files {
		for i := range l.Buckets {
			f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d-%d", family, i)))
			if err != nil {
				return nil, errors.Join(err, s.close())
			}
			s.files[family] = append(s.files[family], &bucket{file: f, to: bufio.NewWriterSize(f, spillBuffer)})
		}
	}
	return s, nil
}

// add writes an event to the files of its conversation and of its person.
func (s *spill) add(e *Event) error {
	s.line = e.append(s.line[:0])
	for family, key := range [families]string{conversationKey(e), personKey(e)} {
		if key == "" {
			continue
		}
		b := s.files[family][maphash.String(s.seed, key)%uint64(len(s.files[family]))]
		if b.events++; b.events > s.limits.MaxBucket {
			return fmt.Errorf("more than %d events fall into one bucket (the last key is %q): raise Limits.Buckets or MaxBucket", s.limits.MaxBucket, key)
		}
		if _, err := b.to.Write(s.line); err != nil {
			return fmt.Errorf("write the history: %w", err)
		}
		s.bytes += int64(len(s.line))
	}
	return nil
}

// each reads bucket after bucket.
func (s *spill) each(check func(family int, events []Event)) error {
	for family := range s.files {
		for _, b := range s.files[family] {
			events, err := b.read()
			if err != nil {
				return fmt.Errorf("read the history: %w", err)
			}
			check(family, events)
		}
	}
	return nil
}

func (b *bucket) read() ([]Event, error) {
	if err := b.to.Flush(); err != nil {
		return nil, err
	}
	if _, err := b.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	from := bufio.NewReaderSize(b.file, spillBuffer)
	events := make([]Event, b.events)
	words := map[string]string{}
	for i := range events {
		if err := events[i].read(from, words); err != nil {
			return nil, err
		}
	}
	return events, nil
}

func (s *spill) close() error {
	var err error
	for family := range s.files {
		for _, b := range s.files[family] {
			err = errors.Join(err, b.file.Close())
		}
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// texts are the words that files hold, in their order; numbers likewise.
func (e *Event) texts() [7]*string {
	return [...]*string{&e.User, &e.Device, &e.Session, &e.Op, &e.Conversation, &e.Canary, &e.Key}
}

func (e *Event) numbers() [7]*uint64 {
	return [...]*uint64{&e.Seq, &e.Until, &e.Number, &e.ReplyTo, &e.InboxSeq, &e.Seen, &e.Count}
}

func (e *Event) append(to []byte) []byte {
	to = append(to, byte(e.Kind), byte(e.Outcome))
	to = binary.AppendVarint(to, e.AtMs)
	for _, n := range e.numbers() {
		to = binary.AppendUvarint(to, *n)
	}
	for _, t := range e.texts() {
		to = binary.AppendUvarint(to, uint64(len(*t)))
		to = append(to, *t...)
	}
	return to
}

// read reads an event; equal words share their memory.
func (e *Event) read(from *bufio.Reader, words map[string]string) error {
	var head [2]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return err
	}
	e.Kind, e.Outcome = Kind(head[0]), Outcome(head[1])
	var err error
	if e.AtMs, err = binary.ReadVarint(from); err != nil {
		return err
	}
	for _, n := range e.numbers() {
		if *n, err = binary.ReadUvarint(from); err != nil {
			return err
		}
	}
	for _, t := range e.texts() {
		n, err := binary.ReadUvarint(from)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		if n > maxLine {
			return fmt.Errorf("a word of %d bytes", n)
		}
		b, err := from.Peek(int(n))
		if err != nil {
			b = make([]byte, n) // longer than the buffer
			if _, err := io.ReadFull(from, b); err != nil {
				return err
			}
			n = 0
		}
		word, ok := words[string(b)]
		if !ok {
			word = string(b)
			words[word] = word
		}
		*t = word
		if _, err := from.Discard(int(n)); err != nil {
			return err
		}
	}
	return nil
}
