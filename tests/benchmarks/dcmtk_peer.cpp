// DCMTK's library as a peer, for what its command line tools cannot repeat or hold. Built by dcmtk_library.py.
//
//   dcmtk_peer echo PORT COUNT                one association, COUNT echoes
//   dcmtk_peer associate PORT COUNT           COUNT times associate, echo, release
//   dcmtk_peer hold PORT ASSOCIATIONS ECHOES  all open at once, ECHOES on each in turn; then waits for the end of stdin
//   dcmtk_peer find PORT                      all studies (Study Root), identifiers decoded, one element of each read
//   dcmtk_peer find-server PORT COUNT         answers each C-FIND with COUNT matches made one by one, until it is killed
//
// Clients print one line of JSON; times are of the work alone.

#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmdata/dctk.h"
#include "dcmtk/dcmnet/assoc.h"
#include "dcmtk/dcmnet/dimse.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

const long MAX_PDU = 131072;
const char *STUDY_ROOT = UID_FINDStudyRootQueryRetrieveInformationModel;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double cpu() {
    rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

void require(const OFCondition &condition, const char *what) {
    if (condition.good()) return;
    std::fprintf(stderr, "%s: %s\n", what, condition.text());
    std::exit(1);
}

T_ASC_Association *open_association(T_ASC_Network *network, const std::string &address, const char *abstract_syntax) {
    T_ASC_Parameters *parameters = nullptr;
    require(ASC_createAssociationParameters(&parameters, MAX_PDU), "parameters");
    ASC_setAPTitles(parameters, "LIBRARY", "ANY-SCP", nullptr);
    ASC_setPresentationAddresses(parameters, "localhost", address.c_str());
    const char *syntaxes[] = {UID_LittleEndianExplicitTransferSyntax, UID_LittleEndianImplicitTransferSyntax};
    require(ASC_addPresentationContext(parameters, 1, abstract_syntax, syntaxes, 2), "context");
    T_ASC_Association *association = nullptr;
    if (ASC_requestAssociation(network, parameters, &association).bad() ||
        ASC_countAcceptedPresentationContexts(parameters) == 0) {
        if (association) {
            ASC_destroyAssociation(&association);
        }
        return nullptr;
    }
    return association;
}

void echo(T_ASC_Association *association) {
    DIC_US status = 0xFFFF;
    DcmDataset *detail = nullptr;
    require(DIMSE_echoUser(association, association->nextMsgID++, DIMSE_BLOCKING, 0, &status, &detail), "C-ECHO");
    delete detail;
    if (status != STATUS_Success) {
        std::fprintf(stderr, "C-ECHO: status %04x\n", status);
        std::exit(1);
    }
}

void close_association(T_ASC_Association *association) {
    require(ASC_releaseAssociation(association), "release");
    require(ASC_destroyAssociation(&association), "destroy");
}

T_ASC_Association *opened(T_ASC_Network *network, const std::string &address, const char *abstract_syntax) {
    T_ASC_Association *association = open_association(network, address, abstract_syntax);
    if (!association) {
        std::fprintf(stderr, "the association was not accepted\n");
        std::exit(1);
    }
    return association;
}

int echo_client(T_ASC_Network *network, const std::string &address, int count) {
    T_ASC_Association *association = opened(network, address, UID_VerificationSOPClass);
    const double used = cpu();
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) echo(association);
    std::printf("{\"seconds\": %.6f, \"cpu\": %.6f}\n", since(start), cpu() - used);
    close_association(association);
    return 0;
}

int associate_client(T_ASC_Network *network, const std::string &address, int count) {
    const double used = cpu();
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) {
        T_ASC_Association *association = opened(network, address, UID_VerificationSOPClass);
        echo(association);
        close_association(association);
    }
    std::printf("{\"seconds\": %.6f, \"cpu\": %.6f}\n", since(start), cpu() - used);
    return 0;
}

int hold_client(T_ASC_Network *network, const std::string &address, int associations, int echoes) {
    std::vector<T_ASC_Association *> held;
    int refused = 0;
    const auto start = Clock::now();
    for (int i = 0; i < associations; ++i) {
        T_ASC_Association *association = open_association(network, address, UID_VerificationSOPClass);
        if (association)
            held.push_back(association);
        else
            ++refused;
    }
    const double to_open = since(start);
    const auto next = Clock::now();
    for (int i = 0; i < echoes; ++i)
        for (T_ASC_Association *association : held) echo(association);
    std::printf("{\"opened\": %.6f, \"echoed\": %.6f, \"refused\": %d}\n", to_open, since(next), refused);
    std::fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {
    }
    for (T_ASC_Association *association : held) close_association(association);
    return 0;
}

void count_match(void *sum, T_DIMSE_C_FindRQ *, int, T_DIMSE_C_FindRSP *, DcmDataset *identifier) {
    OFString uid;
    identifier->findAndGetOFString(DCM_StudyInstanceUID, uid);
    *static_cast<size_t *>(sum) += uid.size();
}

int find_client(T_ASC_Network *network, const std::string &address) {
    T_ASC_Association *association = opened(network, address, STUDY_ROOT);
    DcmDataset keys;
    keys.putAndInsertString(DCM_QueryRetrieveLevel, "STUDY");
    for (const DcmTagKey &key : {DCM_StudyDate, DCM_StudyTime, DCM_AccessionNumber, DCM_StudyDescription,
                                 DCM_PatientName, DCM_PatientID, DCM_StudyInstanceUID})
        keys.insertEmptyElement(key);
    T_DIMSE_C_FindRQ request;
    std::memset(&request, 0, sizeof request);
    std::strncpy(request.AffectedSOPClassUID, STUDY_ROOT, sizeof request.AffectedSOPClassUID - 1);
    request.DataSetType = DIMSE_DATASET_PRESENT;
    request.Priority = DIMSE_PRIORITY_MEDIUM;
    request.MessageID = association->nextMsgID++;
    T_DIMSE_C_FindRSP response;
    DcmDataset *detail = nullptr;
    size_t sum = 0;
    int count = 0;
    const double used = cpu();
    const auto start = Clock::now();
    require(DIMSE_findUser(association, 1, &request, &keys, count, count_match, &sum, DIMSE_BLOCKING, 0, &response,
                           &detail),
            "C-FIND");
    const double seconds = since(start);
    // The final response is counted as well.
    std::printf("{\"seconds\": %.6f, \"cpu\": %.6f, \"matches\": %d, \"bytes\": %zu}\n", seconds, cpu() - used,
                count - 1, sum);
    delete detail;
    close_association(association);
    return 0;
}

void next_match(void *total, OFBool cancelled, T_DIMSE_C_FindRQ *, DcmDataset *, int number,
                T_DIMSE_C_FindRSP *response, DcmDataset **identifier, DcmDataset **) {
    if (cancelled || number > *static_cast<int *>(total)) {
        response->DimseStatus = cancelled ? STATUS_FIND_Cancel_MatchingTerminatedDueToCancelRequest : STATUS_Success;
        *identifier = nullptr;
        return;
    }
    const std::string text = std::to_string(number);
    DcmDataset *match = new DcmDataset;
    match->putAndInsertString(DCM_StudyDate, "20240501");
    match->putAndInsertString(DCM_StudyTime, "120000");
    match->putAndInsertString(DCM_AccessionNumber, ("A" + text).c_str());
    match->putAndInsertString(DCM_QueryRetrieveLevel, "STUDY");
    match->putAndInsertString(DCM_StudyDescription, "A description of some length");
    match->putAndInsertString(DCM_PatientName, ("Number " + text + "^Test").c_str());
    match->putAndInsertString(DCM_PatientID, ("P" + text).c_str());
    match->putAndInsertString(DCM_StudyInstanceUID, ("2.25.4711.1." + text).c_str());
    *identifier = match;
    response->DimseStatus = STATUS_Pending;
}

int find_server(int port, int total) {
    T_ASC_Network *network = nullptr;
    require(ASC_initializeNetwork(NET_ACCEPTOR, port, 30, &network), "listen");
    for (;;) {
        T_ASC_Association *association = nullptr;
        if (ASC_receiveAssociation(network, &association, MAX_PDU).bad()) {
            if (association) {
                ASC_dropAssociation(association);
                ASC_destroyAssociation(&association);
            }
            continue;
        }
        const char *syntaxes[] = {UID_LittleEndianExplicitTransferSyntax, UID_LittleEndianImplicitTransferSyntax};
        const char *classes[] = {STUDY_ROOT, UID_VerificationSOPClass};
        ASC_acceptContextsWithPreferredTransferSyntaxes(association->params, classes, 2, syntaxes, 2);
        OFCondition condition = ASC_acknowledgeAssociation(association);
        while (condition.good()) {
            T_ASC_PresentationContextID context;
            T_DIMSE_Message message;
            condition = DIMSE_receiveCommand(association, DIMSE_BLOCKING, 0, &context, &message, nullptr);
            if (condition.bad()) break;
            if (message.CommandField == DIMSE_C_FIND_RQ)
                condition = DIMSE_findProvider(association, context, &message.msg.CFindRQ, next_match, &total,
                                               DIMSE_BLOCKING, 0);
            else if (message.CommandField == DIMSE_C_ECHO_RQ)
                condition = DIMSE_sendEchoResponse(association, context, &message.msg.CEchoRQ, STATUS_Success, nullptr);
            else
                condition = DIMSE_BADCOMMANDTYPE;
        }
        if (condition == DUL_PEERREQUESTEDRELEASE) ASC_acknowledgeRelease(association);
        ASC_dropSCPAssociation(association);
        ASC_destroyAssociation(&association);
    }
}

}  // namespace

int main(int count, char **arguments) {
    OFLog::configure(OFLogger::FATAL_LOG_LEVEL);
    const std::string work = count > 2 ? arguments[1] : "";
    const auto number = [&](int at) { return count > at ? std::atoi(arguments[at]) : 0; };
    if (work == "find-server") return find_server(number(2), number(3));
    const std::string address = std::string("127.0.0.1:") + (count > 2 ? arguments[2] : "");
    T_ASC_Network *network = nullptr;
    require(ASC_initializeNetwork(NET_REQUESTOR, 0, 30, &network), "network");
    int status = 2;
    if (work == "echo") status = echo_client(network, address, number(3));
    if (work == "associate") status = associate_client(network, address, number(3));
    if (work == "hold") status = hold_client(network, address, number(3), number(4));
    if (work == "find") status = find_client(network, address);
    ASC_dropNetwork(&network);
    return status;
}
