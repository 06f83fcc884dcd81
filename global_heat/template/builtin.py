"""Type names that Heat maps to others out of the box: former names, and types that a template stands for."""

from __future__ import annotations

from collections.abc import Mapping

_FORMER = {
    "AWS::CloudWatch::Alarm": "builtin:cloudwatch-alarm.yaml",
    "AWS::RDS::DBInstance": "builtin:rds-instance.yaml",
    "OS::Ceilometer::Alarm": "OS::Aodh::Alarm",
    "OS::Ceilometer::CombinationAlarm": "OS::Aodh::CombinationAlarm",
    "OS::Ceilometer::GnocchiAggregationByMetricsAlarm": "OS::Aodh::GnocchiAggregationByMetricsAlarm",
    "OS::Ceilometer::GnocchiAggregationByResourcesAlarm": "OS::Aodh::GnocchiAggregationByResourcesAlarm",
    "OS::Ceilometer::GnocchiResourcesAlarm": "OS::Aodh::GnocchiResourcesAlarm",
    "OS::Metering::Alarm": "OS::Aodh::Alarm",
}
_QUANTUM, _NEUTRON = "OS::Quantum", "OS::Neutron"


def builtin_target(name: str) -> str | None:
    """What a type name stands for when neither the environment nor the types know it; None: nothing."""
    if name.startswith(_QUANTUM):
        return _NEUTRON + name.removeprefix(_QUANTUM)
    return _FORMER.get(name)


_ALARM = """
HeatTemplateFormatVersion: '2012-12-12'
Description: An alarm of Amazon's kind, kept by Aodh.
Parameters:
  AlarmDescription: {Type: String, Default: An alarm}
  EvaluationPeriods: {Type: String}
  MetricName: {Type: String}
  Namespace: {Type: String, Default: system/linux}
  Period: {Type: String}
  ComparisonOperator:
    Type: String
    AllowedValues:
      [GreaterThanOrEqualToThreshold, GreaterThanThreshold, LessThanThreshold, LessThanOrEqualToThreshold]
  Statistic: {Type: String, AllowedValues: [SampleCount, Average, Sum, Minimum, Maximum]}
  Threshold: {Type: String}
  Units: {Type: String, Default: None}
  AlarmActions: {Type: CommaDelimitedList, Default: ''}
  OKActions: {Type: CommaDelimitedList, Default: ''}
  InsufficientDataActions: {Type: CommaDelimitedList, Default: ''}
  Dimensions: {Type: CommaDelimitedList, Default: ''}
Mappings:
  Operators:
    GreaterThanOrEqualToThreshold: {Aodh: ge}
    GreaterThanThreshold: {Aodh: gt}
    LessThanThreshold: {Aodh: lt}
    LessThanOrEqualToThreshold: {Aodh: le}
  Statistics:
    SampleCount: {Aodh: count}
    Average: {Aodh: avg}
    Sum: {Aodh: sum}
    Minimum: {Aodh: min}
    Maximum: {Aodh: max}
Resources:
  alarm:
    Type: OS::Aodh::Alarm
    Properties:
      description: {Ref: AlarmDescription}
      meter_name: {Ref: MetricName}
      period: {Ref: Period}
      evaluation_periods: {Ref: EvaluationPeriods}
      threshold: {Ref: Threshold}
      statistic: {'Fn::FindInMap': [Statistics, {Ref: Statistic}, Aodh]}
      comparison_operator: {'Fn::FindInMap': [Operators, {Ref: ComparisonOperator}, Aodh]}
      matching_metadata: {'Fn::MemberListToMap': [Name, Value, {Ref: Dimensions}]}
      alarm_actions: {Ref: AlarmActions}
      ok_actions: {Ref: OKActions}
      insufficient_data_actions: {Ref: InsufficientDataActions}
      repeat_actions: true
"""

_DATABASE = """
HeatTemplateFormatVersion: '2012-12-12'
Description: A database of Amazon's kind, on a server of its own.
Parameters:
  AllocatedStorage: {Type: String}
  DBInstanceClass: {Type: String}
  DBName: {Type: String}
  DBSecurityGroups: {Type: CommaDelimitedList, Default: ''}
  Engine: {Type: String, AllowedValues: [MySQL]}
  MasterUsername: {Type: String}
  MasterUserPassword: {Type: String, NoEcho: true}
  Port: {Type: String, Default: '3306'}
  KeyName: {Type: String, Default: ''}
Mappings:
  Flavors:
    db.m1.small: {Name: m1.small}
    db.m1.large: {Name: m1.large}
    db.m1.xlarge: {Name: m1.xlarge}
    db.m2.xlarge: {Name: m2.xlarge}
    db.m2.2xlarge: {Name: m2.2xlarge}
    db.m2.4xlarge: {Name: m2.4xlarge}
Resources:
  doors:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: The database's port
      SecurityGroupIngress:
        - {IpProtocol: tcp, FromPort: {Ref: Port}, ToPort: {Ref: Port}, CidrIp: 0.0.0.0/0}
  server:
    Type: AWS::EC2::Instance
    Properties:
      ImageId: F19-x86_64-cfntools
      InstanceType: {'Fn::FindInMap': [Flavors, {Ref: DBInstanceClass}, Name]}
      KeyName: {Ref: KeyName}
      SecurityGroups: [{Ref: doors}]
      UserData:
        Fn::Replace:
          - {DATABASE: {Ref: DBName}, NAME: {Ref: MasterUsername}, SECRET: {Ref: MasterUserPassword}}
          - |
            #!/bin/bash -e
            yum -y install mariadb-server
            systemctl enable --now mariadb
            mysql <<< "create database \\`DATABASE\\`"
            mysql <<< "grant all on \\`DATABASE\\`.* to 'NAME'@'%' identified by 'SECRET'"
Outputs:
  Endpoint.Address: {Value: {'Fn::GetAtt': [server, PublicIp]}}
  Endpoint.Port: {Value: {Ref: Port}}
"""

BUILTIN_FILES: Mapping[str, str] = {
    _FORMER["AWS::CloudWatch::Alarm"]: _ALARM,
    _FORMER["AWS::RDS::DBInstance"]: _DATABASE,
}
"""The templates that stand for types, by what the names above lead to."""
