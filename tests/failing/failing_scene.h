/* SPDX-License-Identifier: Apache-2.0
 *
 * The scene of the manager's unit tests for a manager that is made again and again: its key is made
 * once, and its store lies in a folder that is emptied.
 */
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include "../unit/keymanager_scene.h"
#include "failing.h"

static char folder[64]; /* in memory, if there is such a place: nothing here waits for a disk */
static struct capsa_private_key *manager_key;
static capsa_buf manager_key_pem, manager_cert_pem;

static inline void manager_key_make(void)
{
    const struct capsa_cert_request request = {.not_before = NOW - 100, .not_after = NOW + 100000};
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    manager_key_pem = manager_cert_pem = capsa_buf_of(KIB(64));
    assert_ok(capsa_private_key_new_rsa(2048, &manager_key));
    assert_ok(capsa_cert_self_sign(manager_key, &request, &cert));
    assert_ok(capsa_private_key_write(manager_key, &manager_key_pem));
    assert_ok(capsa_cert_write_pem(cert, &manager_cert_pem));
}

static inline int scene_make(void **state)
{
    parties_make(state);
    manager_key_make();
    (void)snprintf(folder, sizeof(folder), "/dev/shm/capsa-failing-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        (void)snprintf(folder, sizeof(folder), "/tmp/capsa-failing-XXXXXX");
        assert_non_null(mkdtemp(folder));
    }
    return 0;
}

static inline int scene_free(void **state)
{
    parties_free(state);
    capsa_private_key_free(manager_key);
    capsa_buf_drop(&manager_key_pem);
    capsa_buf_drop(&manager_cert_pem);
    test_remove_tree(folder);
    return 0;
}

static inline void folder_empty(void)
{
    test_remove_tree(folder);
    assert_int_equal(mkdir(folder, 0700), 0);
}

static inline void store_open(struct house *house, bool on_disk)
{
    static char location[128], root[128];
    (void)snprintf(location, sizeof(location), "sqlite:%s/data/x.db", folder);
    (void)snprintf(root, sizeof(root), "%s/data/root.key", folder);
    const struct capsa_ledger_options options =
        ledger_options(on_disk ? location : "memory:", on_disk ? root : NULL);
    *house = (struct house){.ledger = NULL};
    assert_ok(capsa_ledger_open(&options, &house->ledger));
}

/* Over the store that is open. */
static inline void manager_open(struct house *house)
{
    house_open_on(house, (struct capsa_keymanager_options){
                             .injected_key = capsa_buf_bytes(&manager_key_pem),
                             .injected_cert = capsa_buf_bytes(&manager_cert_pem),
                         });
    house_learn_cert(house);
}
