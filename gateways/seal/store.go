// The store of keys: the only place where they are kept, wrapped by a master key that lies in a file of its own.

package seal

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-im/parley/schemas/name"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Where things stand in the store.
const (
	currentOf = "current/" // + user -> key id: what is sealed with now
	ownedBy   = "owned/"   // + user / key id -> nothing: what is destroyed together
	wrapped   = "key/"     // + key id -> nonce and the wrapped key
	checkKey  = "check"    // a wrapped constant: the master key is the right one

	masterFile = "master.key"
	storeDir   = "keys"
	checkWord  = "parley-keys"
)

// ErrMasterKey means that the master key is not the one of the store.
var ErrMasterKey = errors.New("seal: the master key does not open this store: put the file master.key back that was beside it")

// Store keeps the keys of people. It is safe for concurrent use and one process may open it.
type Store struct {
	db     *pebble.DB
	master cipher.AEAD
	mu     sync.Mutex // one key is made or destroyed at a time
}

// OpenStore opens the store in a folder, and makes it with a new master key when there is none.
func OpenStore(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	master, err := masterKey(filepath.Join(dir, masterFile))
	if err != nil {
		return nil, err
	}
	db, err := pebble.Open(filepath.Join(dir, storeDir), &pebble.Options{Logger: quiet{}})
	if err != nil {
		return nil, fmt.Errorf("seal: open the store of keys: %w", err)
	}
	s := &Store{db: db, master: master}
	if err := s.check(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// Close closes the store.
func (s *Store) Close() error { return s.db.Close() }

// masterKey reads the master key, or makes one that only its owner may read.
func masterKey(path string) (cipher.AEAD, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, keySize)
		if _, err := rand.Read(key); err != nil {
			return nil, fmt.Errorf("seal: no randomness: %w", err)
		}
		text = []byte(hex.EncodeToString(key) + "\n")
		err = writeOnce(path, text)
	}
	if err != nil {
		return nil, fmt.Errorf("seal: master key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("seal: %s must hold %d bytes in hexadecimal", path, keySize)
	}
	return newAEAD(key)
}

// writeOnce writes a new file for its owner alone and syncs it to the disk.
func writeOnce(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}

// check refuses a store with another master key: it would call every key destroyed.
func (s *Store) check() error {
	value, err := s.get(checkKey)
	if err != nil {
		return err
	}
	if value == nil {
		box, err := s.wrap(checkKey, []byte(checkWord))
		if err != nil {
			return err
		}
		return s.db.Set([]byte(checkKey), box, pebble.Sync)
	}
	if word, err := s.unwrap(checkKey, value); err != nil || string(word) != checkWord {
		return ErrMasterKey
	}
	return nil
}

func (s *Store) wrap(id string, key []byte) ([]byte, error) {
	nonce := make([]byte, nonceSize)
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("seal: no randomness: %w", err)
	}
	return s.master.Seal(nonce, nonce, key, []byte(id)), nil
}

func (s *Store) unwrap(id string, box []byte) ([]byte, error) {
	if len(box) < nonceSize {
		return nil, ErrMasterKey
	}
	return s.master.Open(nil, box[:nonceSize], box[nonceSize:], []byte(id))
}

// get reads a value; nil = there is none.
func (s *Store) get(key string) ([]byte, error) {
	value, closer, err := s.db.Get([]byte(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("seal: read the store of keys: %w", err)
	}
	defer closer.Close()
	return bytes.Clone(value), nil
}

// SealingKey returns the key under which a user's text is sealed now; it makes one when there is none.
func (s *Store) SealingKey(_ context.Context, q *pb.SealingKeyQuery) (*pb.KeysAnswer, error) {
	user := q.GetUser()
	if !name.ValidID(user) {
		return nil, fmt.Errorf("seal: %q is no user id", user)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := s.get(currentOf + user)
	if err != nil {
		return nil, err
	}
	if id != nil {
		key, err := s.key(string(id))
		if err != nil {
			return nil, err
		}
		return &pb.KeysAnswer{Keys: []*pb.PersonKey{key}}, nil
	}
	key, err := s.makeKey(user)
	if err != nil {
		return nil, err
	}
	return &pb.KeysAnswer{Keys: []*pb.PersonKey{key}}, nil
}

// makeKey makes a key whose id is a pseudonym of its user.
func (s *Store) makeKey(user string) (*pb.PersonKey, error) {
	random := make([]byte, keySize+16)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("seal: no randomness: %w", err)
	}
	id := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random[keySize:]))
	box, err := s.wrap(id, random[:keySize])
	if err != nil {
		return nil, err
	}
	batch := s.db.NewBatch()
	defer batch.Close()
	err = errors.Join(
		batch.Set([]byte(wrapped+id), box, nil),
		batch.Set([]byte(ownedBy+user+"/"+id), nil, nil),
		batch.Set([]byte(currentOf+user), []byte(id), nil),
		batch.Commit(pebble.Sync))
	if err != nil {
		return nil, fmt.Errorf("seal: keep a new key: %w", err)
	}
	return &pb.PersonKey{KeyId: id, Key: random[:keySize:keySize]}, nil
}

// key reads one key; its bytes are empty when it is gone.
func (s *Store) key(id string) (*pb.PersonKey, error) {
	box, err := s.get(wrapped + id)
	if err != nil || box == nil {
		return &pb.PersonKey{KeyId: id}, err
	}
	key, err := s.unwrap(id, box)
	if err != nil {
		return nil, ErrMasterKey
	}
	return &pb.PersonKey{KeyId: id, Key: key}, nil
}

// OpeningKeys returns keys in the order of the query.
func (s *Store) OpeningKeys(_ context.Context, q *pb.OpeningKeysQuery) (*pb.KeysAnswer, error) {
	if len(q.GetKeyIds()) > FetchLimit {
		return nil, fmt.Errorf("seal: %d keys asked at once, at most %d", len(q.GetKeyIds()), FetchLimit)
	}
	answer := new(pb.KeysAnswer)
	for _, id := range q.GetKeyIds() {
		key, err := s.key(id)
		if err != nil {
			return nil, err
		}
		answer.Keys = append(answer.Keys, key)
	}
	return answer, nil
}

// DestroyKeys destroys the keys of a user, and removes their bytes from the files too.
func (s *Store) DestroyKeys(ctx context.Context, q *pb.DestroyKeysQuery) (*pb.DestroyKeysAnswer, error) {
	user := q.GetUser()
	if !name.ValidID(user) {
		return nil, fmt.Errorf("seal: %q is no user id", user)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	prefix := ownedBy + user + "/"
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte(prefix), UpperBound: []byte(ownedBy + user + "0")}) // '0' follows '/'
	if err != nil {
		return nil, fmt.Errorf("seal: list the keys of a person: %w", err)
	}
	batch := s.db.NewBatch()
	defer batch.Close()
	destroyed := uint32(0)
	for ok := iter.First(); ok; ok = iter.Next() {
		id := strings.TrimPrefix(string(iter.Key()), prefix)
		err = errors.Join(err, batch.Delete([]byte(wrapped+id), nil), batch.Delete(bytes.Clone(iter.Key()), nil))
		destroyed++
	}
	err = errors.Join(err, iter.Close(), batch.Delete([]byte(currentOf+user), nil), batch.Commit(pebble.Sync))
	if err == nil && destroyed > 0 { // a deleted value stays in the files until they are compacted
		err = errors.Join(s.db.Flush(), s.db.Compact(ctx, []byte(wrapped), []byte("key0"), false))
	}
	if err != nil {
		return nil, fmt.Errorf("seal: destroy the keys of a person: repeat it: %w", err)
	}
	return &pb.DestroyKeysAnswer{Destroyed: destroyed}, nil
}

// quiet keeps the messages of Pebble out of the log.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf("seal: the store of keys is broken: "+format, args...))
}
