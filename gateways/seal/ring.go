// Package seal encrypts text at the gateway and decrypts it there for clients, so that nothing in between can read it: AES-256-GCM
// under the sender's key, a random nonce each time, the key's pseudonym as additional data. Destroying a person's keys
// erases what was sealed under them in the log, the rows, the views and every backup at once.
//
// A Ring fetches keys before they are needed and keeps them for a short, bounded while; a Store is the service that
// keeps them for good.
package seal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
	"golang.org/x/sync/singleflight"

	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Limits of a ring.
const (
	MaxKeys    = 16_384           // keys kept in memory, of each sort
	KeepKeys   = 60 * time.Second // how long a key is kept: a destroyed one is dead everywhere after this
	FetchLimit = 500              // keys asked for at once
	fetchWait  = 2 * time.Second  // for the key service to answer; what is kept makes no call and starts no timer
	keySize    = 32               // bytes of an AES-256 key
	nonceSize  = 12               // bytes
)

// Source is where keys come from: a Store of this process, or Dial.
type Source = rpcv1.KeyService

// Ring keeps keys for a short while. It is safe for concurrent use.
type Ring struct {
	source  Source
	opening *expirable.LRU[string, cipher.AEAD] // nil value = destroyed or unknown
	sealing *expirable.LRU[string, *Sealer]
	once    singleflight.Group
}

// NewRing makes a ring over a source. keep 0 means KeepKeys.
func NewRing(source Source, keep time.Duration) *Ring {
	if keep == 0 {
		keep = KeepKeys
	}
	return &Ring{
		source:  source,
		opening: expirable.NewLRU[string, cipher.AEAD](MaxKeys, nil, keep),
		sealing: expirable.NewLRU[string, *Sealer](MaxKeys, nil, keep),
	}
}

// Sealer seals under one key, from memory.
type Sealer struct {
	id    string
	bound []byte // the id again: text is bound to it
	aead  cipher.AEAD
}

// Seal encrypts text. The same text is never encrypted in the same way twice.
func (s *Sealer) Seal(text string) (*pb.Sealed, error) {
	whole := make([]byte, nonceSize, nonceSize+len(text)+s.aead.Overhead())
	if _, err := rand.Read(whole); err != nil {
		return nil, fmt.Errorf("seal: no randomness: %w", err)
	}
	nonce := whole[:nonceSize:nonceSize]
	plain := append(whole, text...)[nonceSize:] // and is encrypted in place
	return &pb.Sealed{KeyId: s.id, Nonce: nonce, Ciphertext: s.aead.Seal(plain[:0], nonce, plain, s.bound)}, nil
}

// Opener opens with the keys that were fetched for it, which stand in order. A key that is not among them is gone.
type Opener []opening

type opening struct {
	id   string
	aead cipher.AEAD // nil = destroyed or unknown
}

// with adds a key; sort is called behind the last.
func (o Opener) with(id string, aead cipher.AEAD) Opener { return append(o, opening{id, aead}) }

func (o Opener) sort() {
	slices.SortFunc(o, func(a, b opening) int { return strings.Compare(a.id, b.id) })
}

func (o Opener) aead(id string) cipher.AEAD {
	i, ok := slices.BinarySearchFunc(o, id, func(a opening, id string) int { return strings.Compare(a.id, id) })
	if !ok {
		return nil
	}
	return o[i].aead
}

// Open opens text; ok is false when its key is gone or it was tampered with.
func (o Opener) Open(sealed *pb.Sealed) (string, bool) {
	aead := o.aead(sealed.GetKeyId())
	if aead == nil || len(sealed.GetNonce()) != nonceSize {
		return "", false
	}
	text, err := aead.Open(nil, sealed.GetNonce(), sealed.GetCiphertext(), []byte(sealed.GetKeyId()))
	return string(text), err == nil
}

// Shared opens one sealed text for all users who receive it: as long as the same key opens it, it is opened once. It is
// safe for concurrent use.
type Shared struct {
	mu     sync.Mutex
	key    cipher.AEAD // that opened it
	sealed *pb.Sealed
	text   string
	ok     bool
}

// With returns an opener of one text under keys that are kept now. Without its key it opens nothing, whoever opened it before.
func (s *Shared) With(keys Opener) SharedOpener { return SharedOpener{s, keys} }

// SharedOpener is a Shared with the keys of one moment.
type SharedOpener struct {
	shared *Shared
	keys   Opener
}

// Open opens text, or returns what the same key opened before.
func (o SharedOpener) Open(sealed *pb.Sealed) (string, bool) {
	s, key := o.shared, o.keys.aead(sealed.GetKeyId())
	if key == nil {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealed != sealed || s.key != key {
		s.text, s.ok = o.keys.Open(sealed)
		s.sealed, s.key = sealed, key
	}
	return s.text, s.ok
}

// Sealer fetches the sealing key of a person.
func (r *Ring) Sealer(ctx context.Context, user string) (*Sealer, error) {
	if s, ok := r.sealing.Get(user); ok {
		return s, nil
	}
	made, err, _ := r.once.Do(user, func() (any, error) {
		ctx, cancel := context.WithTimeout(ctx, fetchWait)
		defer cancel()
		answer, err := r.source.SealingKey(ctx, &pb.SealingKeyQuery{User: user})
		if err != nil {
			return nil, fmt.Errorf("seal: the key service gives no sealing key: %w", err)
		}
		if len(answer.GetKeys()) != 1 {
			return nil, errors.New("seal: the key service gave no sealing key")
		}
		key := answer.GetKeys()[0]
		aead, err := newAEAD(key.GetKey())
		if err != nil {
			return nil, err
		}
		s := &Sealer{id: key.GetKeyId(), bound: []byte(key.GetKeyId()), aead: aead}
		r.sealing.Add(user, s)
		r.opening.Add(key.GetKeyId(), aead)
		return s, nil
	})
	if err != nil {
		return nil, err
	}
	return made.(*Sealer), nil
}

// Kept is an opener with keys that are all in memory, or none.
func (r *Ring) Kept(ids []string) (Opener, bool) {
	found := make(Opener, 0, len(ids))
	for _, id := range ids {
		aead, ok := r.opening.Get(id)
		if !ok {
			return nil, false
		}
		found = found.with(id, aead)
	}
	found.sort()
	return found, true
}

// Opener fetches keys, those that are not kept in as few calls as possible. An error means that it is not known whether
// they are gone: then nothing may be shown as erased.
func (r *Ring) Opener(ctx context.Context, ids []string) (Opener, error) {
	found := make(Opener, 0, len(ids))
	var missing []string
	for _, id := range ids {
		if aead, ok := r.opening.Get(id); ok {
			found = found.with(id, aead)
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		var err error
		if found, err = r.fetch(ctx, found, missing); err != nil {
			return nil, err
		}
	}
	found.sort()
	return found, nil
}

// fetch adds keys that are not kept.
func (r *Ring) fetch(ctx context.Context, found Opener, missing []string) (Opener, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	for page := range slices.Chunk(missing, FetchLimit) {
		answer, err := r.source.OpeningKeys(ctx, &pb.OpeningKeysQuery{KeyIds: page})
		if err != nil {
			return nil, fmt.Errorf("seal: the key service opens nothing: %w", err)
		}
		if len(answer.GetKeys()) != len(page) {
			return nil, fmt.Errorf("seal: the key service answered %d keys for %d", len(answer.GetKeys()), len(page))
		}
		for i, key := range answer.GetKeys() {
			aead, err := newAEAD(key.GetKey())
			if err != nil && len(key.GetKey()) != 0 {
				return nil, err
			}
			r.opening.Add(page[i], aead)
			found = found.with(page[i], aead)
		}
	}
	return found, nil
}

// newAEAD makes AES-256-GCM; nil for an empty key.
func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("seal: a key has %d bytes, want %d", len(key), keySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
